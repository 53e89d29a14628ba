"""System 4, RRF-Net: recurrent residual fusion for image-text matching (thesis chapter 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kzoo.registry import register
from kzoo.system import System
from kzoo.systems.rrfnet.published import published
from kzoo.systems.rrfnet.recipes import RECIPES

TINY = {"image_dim": 12, "text_dim": 10, "widths": (16, 8, 8, 8)}
DENSE_IMAGE, DENSE_TEXT = 5_770_752, 13_864_448
NORMS_OF_INPUTS, NORM_OF_512 = 2 * (2048 + 6000), 2 * 512


def _system(name: str, summary: str, steps: int | None, norms_of_a_branch: int, fusion: int) -> System:
    options: dict[str, Any] = {
        "image_dim": 2048,
        "text_dim": 6000,
        "widths": (2048, 512, 512, 512),
        "steps": steps,
        "fusion": "conv",
        "dropout": 0.5,
    }
    norms = NORMS_OF_INPUTS + 2 * norms_of_a_branch * NORM_OF_512
    return System(
        name=name,
        room="rrfnet",
        summary=summary,
        task="matching",
        build_reference="kzoo.systems.rrfnet.network:build_rrfnet",
        options=options,
        tiny=TINY,
        inputs={"image": (2048,), "text": (6000,)},
        parameters=DENSE_IMAGE + DENSE_TEXT + norms + 2 * fusion,
        features={"image_embedding": "image_embedding", "text_embedding": "text_embedding"},
        recipes=RECIPES,
        signatures_reference="kzoo.systems.rrfnet.endpoints:signatures",
        evaluate_reference="kzoo.systems.rrfnet.evaluate:evaluate",
        ensemble_reference="kzoo.systems.rrfnet.evaluate:evaluate_ensemble",
        losses_reference="kzoo.systems.rrfnet.task:losses",
        card_text=Path(__file__).with_name("card.md"),
        published=published(name),
    )


register(
    _system(
        "rrfnet",
        "image-text matching with recurrent residual fusion",
        steps=3,
        norms_of_a_branch=1 + 4 + 1,
        fusion=4 + 1 + 2,
    )
)
register(
    _system(
        "rrfnet_baseline",
        "image-text matching by two branches of plain layers",
        steps=None,
        norms_of_a_branch=3,
        fusion=0,
    )
)
