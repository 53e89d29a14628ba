"""System 6, MMC-Net: joint matching and classification of images and texts (thesis chapter 7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kzoo.registry import register
from kzoo.system import System
from kzoo.systems.mmcnet.published import published
from kzoo.systems.mmcnet.recipes import recipes

TINY = {"image_dim": 12, "text_dim": 10, "widths": (16, 8, 8, 8)}
DENSE, CLASSIFIER = 7_961_600, 2048 * 20
NORMS, FUSIONS = 2 * (2048 + 300) + 6 * 2 * 512, 2 * (3 + 512)
SIDES = ("image", "text")


def _system(name: str, summary: str, *, matching: bool, classification: bool) -> System:
    options: dict[str, Any] = {
        "image_dim": 2048,
        "text_dim": 300,
        "widths": (2048, 512, 512, 512),
        "fusion": "convolution",
        "dropout": 0.5,
    }
    if classification:
        options |= {"classes": 20, "pooling": "cbp", "pooling_dim": 2048, "hash_seed": 0}
    if not matching:
        options |= {"matching": False, "vision_only": False}
    features = {f"{side}_embedding": f"{side}_embedding" for side in SIDES}
    return System(
        name=name,
        room="mmcnet",
        summary=summary,
        task="matching",
        build_reference="kzoo.systems.mmcnet.network:build_mmcnet",
        options=options,
        tiny={**TINY, "pooling_dim": 16} if classification else TINY,
        inputs={"image": (2048,), "text": (300,)},
        parameters=DENSE + NORMS + FUSIONS + (CLASSIFIER if classification else 0),
        features={**features, "multimodal": "pooling_norm"} if classification else features,
        recipes=recipes(matching=matching, classification=classification),
        signatures_reference="kzoo.systems.mmcnet.endpoints:signatures",
        evaluate_reference="kzoo.systems.mmcnet.evaluate:evaluate",
        losses_reference="kzoo.systems.mmcnet.task:losses",
        card_text=Path(__file__).with_name("card.md"),
        published=published(name),
        validation_metric=None if matching else "val_accuracy",
    )


register(_system("mmcnet", "joint matching and classification", matching=True, classification=True))
register(_system("mmnet", "matching alone, as a baseline", matching=True, classification=False))
register(_system("mcnet", "classification alone, as a baseline", matching=False, classification=True))
