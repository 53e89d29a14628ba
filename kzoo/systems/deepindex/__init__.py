"""System 3, DeepIndex: deep features of image patches in an inverted index (thesis chapter 4).

Its features come from two classifiers, which are registered; the indexes are `recipes.RECIPES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kzoo.recipe import Recipe
from kzoo.registry import register
from kzoo.system import System
from kzoo.systems.deepindex.classifier_recipes import alexnet_recipes, vgg19_recipes

BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
TINY_BLOCKS = ((1, 4), (1, 4), (1, 4), (1, 4), (1, 8))


def _system(
    name: str,
    summary: str,
    *,
    features: tuple[str, str],
    parameters: int,
    options: Mapping[str, Any],
    tiny: Mapping[str, Any],
    recipes: Mapping[str, Recipe],
) -> System:
    return System(
        name=name,
        room="deepindex",
        summary=summary,
        build_reference=f"kzoo.systems.deepindex.network:build_{name}",
        options={**options, "image_size": (224, 224), "units": 4096, "classes": 1000, "dropout": 0.5},
        tiny={**tiny, "units": 16, "dropout": 0.0},
        image_size=(224, 224),
        parameters=parameters,
        features={**{feature: feature for feature in features}, "embedding": features[1]},
        recipes=recipes,
        signatures_reference="kzoo.classifier_endpoints:signatures",
        evaluate_reference="kzoo.metrics.classification:evaluate",
        card_text=Path(__file__).with_name("networks.md"),
    )


register(
    _system(
        "alexnet",
        "five convolutions, fc6 and fc7, in one tower or two",
        features=("fc6", "fc7"),
        parameters=61_100_840,
        options={"towers": 1, "channels": None},
        tiny={"channels": (8, 8, 8, 8, 8), "image_size": (67, 67)},
        recipes=alexnet_recipes(),
    )
)
register(
    _system(
        "vgg19",
        "sixteen convolutions in five blocks, fc17 and fc18",
        features=("fc17", "fc18"),
        parameters=143_667_240,
        options={"blocks": BLOCKS},
        tiny={"blocks": TINY_BLOCKS, "image_size": (64, 64)},
        recipes=vgg19_recipes(),
    )
)
