"""System my_system: a plain classifier for 32x32 images. Say here what it is and where it was published."""

from __future__ import annotations

from pathlib import Path

from kzoo.registry import register
from kzoo.system import System
from kzoo.systems.my_system.published import PUBLISHED
from kzoo.systems.my_system.recipes import RECIPES

register(
    System(
        name="my_system",
        room="my_system",
        summary="plain CNN of two convolutions",
        build_reference="kzoo.systems.my_system.network:build",
        options={"classes": 10, "image_size": (32, 32), "channels": (16, 32)},
        tiny={"channels": (4, 6)},
        image_size=(32, 32),
        normalization="global_contrast",
        parameters=5_418,
        features={"embedding": "main"},
        recipes=RECIPES,
        published=PUBLISHED,
        signatures_reference="kzoo.classifier_endpoints:signatures",
        evaluate_reference="kzoo.metrics.classification:evaluate",
        card_text=Path(__file__).with_name("card.md"),
    )
)
