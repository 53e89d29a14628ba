"""FCN-8s and FCFN, registered: segmentation (thesis sections 2.3.1 and 2.4.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kzoo.system import PublishedResult, System
from kzoo.systems.cfn.segmentation_recipes import segmentation_recipes

SIDE = 64
TINY = {"blocks": ((1, 4), (1, 6), (1, 8), (1, 8), (2, 8)), "top_units": 12, "top_kernel": 3}
TRUNK = 14_714_688
TOP = 7 * 7 * 512 * 4096 + 4096 + 4096 * 4096 + 4096
SCORES = (256 + 512 + 4096 + 3) * 21
FUSIONS = ((SIDE // 16) ** 2 + (SIDE // 8) ** 2) * 21 * 3

SYSTEMS: dict[str, tuple[str, str, str, int, float, dict[str, Any]]] = {
    "fcn8s": ("FCN-8s", "VGG-16 with scores of three depths, summed", "sum", 0, 57.1, {}),
    "fcfn_seg": (
        "FCFN",
        "the same, fused by weights of each class and place",
        "locally_connected",
        FUSIONS,
        60.3,
        {"image_size": (SIDE, SIDE)},
    ),
}


def _system(name: str) -> System:
    heading, summary, fusion, fusion_parameters, mean, options = SYSTEMS[name]
    size = options.get("image_size", (None, None))
    return System(
        name=name,
        room="cfn",
        summary=summary,
        task="segmentation",
        build_reference="kzoo.systems.cfn.dense:build_segmenter",
        options={
            "fusion": fusion,
            "classes": 21,
            "blocks": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
            "top_units": 4096,
            "top_kernel": 7,
            "dropout": 0.5,
            "image_size": (None, None),
            "fusion_grid": None,
            "fusion_activation": None,
            "weights": None,
            **options,
        },
        tiny={**TINY, "image_size": (32, 32)} if "image_size" in options else TINY,
        inputs={"image": (*size, 3)},
        parameters=TRUNK + TOP + SCORES + fusion_parameters,
        features={"fused_4": "fused_4", "fused_3": "fused_3", "embedding": "fc7"},
        recipes=segmentation_recipes(fixed_size="image_size" in options),
        signatures_reference="kzoo.systems.cfn.segmentation_endpoints:signatures",
        evaluate_reference="kzoo.systems.cfn.segmentation_evaluate:evaluate",
        losses_reference="kzoo.systems.cfn.segmentation_task:losses",
        card_text=Path(__file__).with_name("segmentation_card.md"),
        published=(PublishedResult("2.7", heading, "mean IoU", mean, "mean_iou_percent", name, "voc2012"),),
    )


SEGMENTATION_SYSTEMS = tuple(_system(name) for name in SYSTEMS)
