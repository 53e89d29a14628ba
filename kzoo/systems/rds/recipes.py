"""The supervisions that chapter 3 compares, on BSDS500 as published and short on the house set.

Published (section 3.4.1 and the author's solver): 400x400, batch 8, 25 epochs, rate 1e-9 on the loss summed
over pixels. A mean over the pixels of 400x400 images is 160,000 times smaller, so that the equal rate is
1.6e-4.
"""

from __future__ import annotations

from typing import Any

from kzoo.recipe import Data, Optimizer, Pipeline, Recipe, Schedule

SUPERVISIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "hed_fuse_only": ("Baseline 1: the fused output alone is supervised.", {"sides": []}),
    "hed": ("Baseline 2: the annotated edges supervise all six outputs.", {}),
    "rds_canny": ("Relaxed deep supervision by Canny at sigma 1, 3, 5, 7, 9.", {"relax": "canny"}),
    "rds_canny_early": (
        "Relaxed labels supervise the first three sides, nothing the others (table 3.2).",
        {"relax": "canny", "sides": [1, 2, 3]},
    ),
    "rds_canny_late": (
        "Relaxed labels supervise the last two sides, nothing the others (table 3.2).",
        {"relax": "canny", "sides": [4, 5]},
    ),
}


def recipes(*, balanced: bool) -> dict[str, Recipe]:
    """Return the recipes of an edge detector by name, the plain deep supervision last.

    Args:
        balanced: weigh edges as HED does, image by image, as FCFN is trained; else 9 to 1, as RDS is.
    """
    common = {"balanced": True} if balanced else {"alpha": 9.0, "beta": 1.0}
    names = ["hed"] if balanced else [*(name for name in SUPERVISIONS if name != "hed"), "hed"]
    return {name: _house(*SUPERVISIONS[name], common) for name in names}


def _house(description: str, options: dict[str, Any], common: dict[str, Any]) -> Recipe:
    return Recipe(
        description=f"{description} Short, at 64x64, from HED's trunk, on outlines of a thousand emoji.",
        data=Data(name="house/emoji_layers"),
        pipeline=Pipeline(normalization="none"),
        options={"weights": "trunk"},
        loss="own",
        loss_options={**common, **options},
        optimizer=Optimizer(name="adam", learning_rate=1e-4, momentum=0.9, weight_decay=2e-4),
        schedule=Schedule(kind="cosine"),
        batch_size=8,
        epochs=2,
    )
