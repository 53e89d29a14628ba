"""System 1, CFN: convolutional fusion networks (thesis chapter 2).

Eight classifiers for 32x32 images: two plain CNNs, and each with side branches that are fused by sum, by
shared weights, or by locally-connected weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kzoo.registry import register
from kzoo.system import System
from kzoo.systems.cfn.published import published
from kzoo.systems.cfn.recipes import recipes

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
        signatures_reference="kzoo.systems.cfn.endpoints:signatures",
        evaluate_reference="kzoo.metrics.classification:evaluate",
        card_text=Path(__file__).with_name("card.md"),
        published=published(prefix + base),
    )


for _base in BASES:
    for _prefix in FUSIONS:
        register(_system(_prefix, _base))
