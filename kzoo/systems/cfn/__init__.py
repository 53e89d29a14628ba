"""System 1, CFN: convolutional fusion networks (thesis chapter 2).

Eight classifiers for 32x32 images: two plain CNNs, and each with side branches that are fused by sum, by
shared weights, or by locally-connected weights. Six for 224x224 images: two plain CNNs of 11 and 19 layers,
their fusion networks, and what the smaller is compared with, side branches that predict and residual ones.
Two segmentation networks on VGG-16.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kzoo.registry import register
from kzoo.system import System
from kzoo.systems.cfn.published import published, published_on_imagenet
from kzoo.systems.cfn.recipes import imagenet_recipes, recipes
from kzoo.systems.cfn.segmentation import SEGMENTATION_SYSTEMS

STAGES_A = ((5, (64,)), (5, (64,)), (5, (64,)))
STAGES_B = ((3, (96, 96)), (3, (192, 192)), (3, (192, 192)))
STAGES_B_CIFAR100 = ((3, (192, 192)), (3, (192, 192)), (3, (192, 192)))
STAGES_TINY = ((3, (6,)), (3, (6,)), (3, (6,)))

BASES = {
    "a": (STAGES_A, 224_202, 24_960, {}, 40),
    "b": (STAGES_B, 1_286_698, 55_680, {"stages": STAGES_B_CIFAR100}, 20),
}
FUSIONS = {
    "cnn_": (None, 0, "plain CNN"),
    "cnn_sum_": ("sum", 0, "side branches fused by sum"),
    "cnn_conv_": ("convolution", 4, "side branches fused by shared weights"),
    "cfn_": ("locally_connected", 768, "side branches fused by locally-connected weights"),
}
SIDES = {"side_1": "side_1", "side_2": "side_2"}

IMAGENET = {
    "cnn_11": ("plain", 2, 6_283_304, "plain CNN of 11 layers"),
    "dsn_11": ("deep_supervision", 2, 9_823_200, "CNN-11 with side branches that predict too"),
    "resnet_11": ("residual", 2, 6_457_128, "CNN-11 with residual connections"),
    "cfn_11": ("fusion", 2, 6_755_368, "CNN-11 with side branches fused by locally-connected weights"),
    "cnn_19": ("plain", 4, 12_554_024, "plain CNN of 19 layers"),
    "cfn_19": ("fusion", 4, 13_026_088, "CNN-19 with side branches fused by locally-connected weights"),
}


def _system(prefix: str, base: str) -> System:
    stages, base_parameters, side_parameters, options_of_cifar100, house_epochs = BASES[base]
    fusion, fusion_parameters, summary = FUSIONS[prefix]
    options: dict[str, Any] = {
        "stages": stages,
        "fusion": fusion,
        "classes": 10,
        "image_size": (32, 32),
        "branch_channels": 192,
        "side_kernel": 1,
        "dropout": 0.5,
        "fusion_options": None,
    }
    features = {"main": "main", "embedding": "fusion" if fusion else "main"}
    return System(
        name=prefix + base,
        room="cfn",
        summary=f"{summary} ({base.upper()})",
        build_reference="kzoo.systems.cfn.network:build_classifier",
        options=options,
        tiny={"stages": STAGES_TINY, "branch_channels": 8},
        image_size=(32, 32),
        normalization="global_contrast",
        parameters=base_parameters + (side_parameters if fusion else 0) + fusion_parameters,
        features={**SIDES, **features, "fused": "fusion"} if fusion else features,
        recipes=recipes(
            fusion_has_weights=fusion_parameters > 0,
            options_of_cifar100=options_of_cifar100,
            house_epochs=house_epochs,
        ),
        signatures_reference="kzoo.classifier_endpoints:signatures",
        evaluate_reference="kzoo.metrics.classification:evaluate",
        card_text=Path(__file__).with_name("card.md"),
        published=published(prefix + base),
    )


def _imagenet_system(name: str) -> System:
    kind, convolutions, parameters, summary = IMAGENET[name]
    fusion = kind == "fusion"
    sides = {f"side_{n}": f"side_{n}" for n in (1, 2, 3)} if kind in ("fusion", "deep_supervision") else {}
    fused = {"fused": "fused"} if fusion else {}
    return System(
        name=name,
        room="cfn",
        summary=summary,
        build_reference="kzoo.systems.cfn.imagenet:build_imagenet_classifier",
        options={
            "kind": kind,
            "convolutions": convolutions,
            "widths": (64, 128, 256, 512),
            "classes": 1000,
            "image_size": (224, 224),
            "branch_channels": 1024,
            "fusion_options": None,
        },
        tiny={"widths": (4, 6, 8, 10), "branch_channels": 12},
        image_size=(224, 224),
        normalization="channel_means",
        parameters=parameters,
        features={**sides, "main": "main", "embedding": "fused" if fusion else "main", **fused},
        recipes=imagenet_recipes(fusion=fusion),
        signatures_reference="kzoo.classifier_endpoints:signatures",
        evaluate_reference="kzoo.metrics.classification:evaluate",
        card_text=Path(__file__).with_name("card.md"),
        published=published_on_imagenet(name),
    )


for _base in BASES:
    for _prefix in FUSIONS:
        register(_system(_prefix, _base))
for _name in IMAGENET:
    register(_imagenet_system(_name))
for _segmenter in SEGMENTATION_SYSTEMS:
    register(_segmenter)
