"""System 2, RDS: relaxed deep supervision for edges (thesis chapter 3); FCFN for edges (section 2.3.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kzoo.registry import register
from kzoo.system import System
from kzoo.systems.rds.published import published
from kzoo.systems.rds.recipes import recipes

TINY = {"blocks": ((1, 4), (1, 6), (1, 8), (1, 8), (3, 8))}
TRUNK, SIDES = 14_714_688, 64 + 128 + 256 + 512 + 512 + 5
SIDE = 64


def _system(name: str, summary: str, fusion: str, fusion_parameters: int, **options: Any) -> System:
    size = options.get("image_size", (None, None))
    return System(
        name=name,
        room="rds",
        summary=summary,
        task="edges",
        build_reference="kzoo.systems.rds.network:build_edge_network",
        options={
            "fusion": fusion,
            "blocks": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
            "image_size": (None, None),
            "fusion_grid": None,
            "weights": None,
            **options,
        },
        tiny=TINY,
        inputs={"image": (*size, 3)},
        parameters=TRUNK + SIDES + fusion_parameters,
        features={
            **{f"side_{number}": f"side_{number}" for number in range(1, 6)},
            "fused": "fused",
            "embedding": "block5_conv3",
        },
        recipes=recipes(balanced=fusion == "locally_connected"),
        signatures_reference="kzoo.systems.rds.endpoints:signatures",
        evaluate_reference="kzoo.systems.rds.evaluate:evaluate",
        losses_reference="kzoo.systems.rds.task:losses",
        card_text=Path(__file__).with_name("card.md"),
        published=published(name),
    )


register(_system("hed", "VGG-16 with five side outputs, fused by one weight each", "convolution", 6))
register(
    _system(
        "fcfn_edge",
        "the same, fused by weights of each pixel's own",
        "locally_connected",
        6 * SIDE * SIDE,
        image_size=(SIDE, SIDE),
    )
)
