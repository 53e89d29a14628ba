"""The supervisions that chapter 3 compares, on BSDS500 as published and short on the house set.

Published (section 3.4.1 and the author's solver): from VGG-16's ImageNet weights, 400x400, batch 8, 25 epochs
of the 300 images of train and val, momentum 0.9, decay 2e-4, rate 1e-9 on the loss summed over the pixels, a
hundred times that for the last block, a hundredth for side filters and fusion. A mean over the pixels is
smaller by 160,000, so that `mean_of` takes the same steps at a rate of 1.6e-4, with a decay of 1.25e-9.
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
    "rds_se": (
        "Relaxed deep supervision by structured edges at five thresholds; loss_options.se_model: forest.",
        {"relax": "se"},
    ),
    "rds_soft": (
        "Relaxed deep supervision by another detector, as gPb; loss_options.soft_maps: folder of its maps.",
        {"relax": "soft"},
    ),
}
HOUSE, OUTLINES = "house/emoji_layers", "on outlines of a thousand emoji"
CEA = "Coarse edges along segments, the fused output alone; `kzoo finetune` then goes on with another recipe."
SIDE = 400
STEPS_OF_CEA = 10_000
AVERAGED = ("hed", "rds_canny", "rds_se")
RATES = {
    **{f"block5_conv{number}": 100.0 for number in (1, 2, 3)},
    **{f"score_{number}": 0.01 for number in range(1, 6)},
    "fused": 0.01,
}


def recipes(*, balanced: bool) -> dict[str, Recipe]:
    """Return the recipes of an edge detector by name, the published ones first, the short plain one last.

    Args:
        balanced: weigh edges as HED does, image by image, as FCFN is trained; else 9 to 1, as RDS is.
    """
    if balanced:
        by_image = {"balanced": True}
        return {"published_hed": _published_fcfn(), "hed": _house(*SUPERVISIONS["hed"], by_image)}
    common = {"alpha": 9.0, "beta": 1.0}
    names = ["hed", *(name for name in SUPERVISIONS if name != "hed")]
    published = {f"published_{name}": _published(*SUPERVISIONS[name], common) for name in names}
    return {
        **published,
        **{f"published_{name}_mean": mean_of(published[f"published_{name}"]) for name in AVERAGED},
        "published_cea": _cea(common),
        **{name: _house(*SUPERVISIONS[name], common) for name in names[1:]},
        "cea": _house(CEA, {"sides": []}, common, f"segments:{HOUSE}", "on segments of a thousand emoji"),
        "hed": _house(*SUPERVISIONS["hed"], common),
    }


def mean_of(recipe: Recipe) -> Recipe:
    """Return the recipe of the same steps on the loss averaged over the pixels.

    The gradient is smaller by the pixels, so that the rate is greater by them; the decay is divided by them,
    since the rate multiplies it too.
    """
    assert recipe.pipeline.image_size is not None
    height, width = recipe.pipeline.image_size
    pixels, optimizer = height * width, recipe.optimizer
    averaged = {
        "learning_rate": optimizer.learning_rate * pixels,
        "weight_decay": optimizer.weight_decay / pixels,
    }
    return recipe.model_copy(
        update={
            "description": f"{recipe.description} The same steps on the loss averaged over pixels.",
            "loss_options": {**recipe.loss_options, "summed": False},
            "optimizer": optimizer.model_copy(update=averaged),
        }
    )


def _published(description: str, options: dict[str, Any], common: dict[str, Any]) -> Recipe:
    return Recipe(
        description=f"{description} Section 3.4.1: BSDS500, 25 epochs, loss summed over pixels of 400x400.",
        data=Data(name="bsds500", train_split="trainval", validation_split=None),
        pipeline=Pipeline(normalization="none", image_size=(SIDE, SIDE)),
        options={"weights": "imagenet"},
        loss="own",
        loss_options={**common, "summed": True, **options},
        optimizer=Optimizer(
            learning_rate=1e-9, momentum=0.9, weight_decay=2e-4, learning_rate_multipliers=RATES
        ),
        batch_size=8,
        epochs=25,
    )


def _published_fcfn() -> Recipe:
    recipe = _published("Section 2.4.4: edges weighed image by image.", {}, {"balanced": True})
    return recipe.model_copy(
        update={
            "options": {**recipe.options, "image_size": [SIDE, SIDE], "fusion_grid": "resize"},
            "optimizer": Optimizer(learning_rate=1e-6, momentum=0.9, weight_decay=2e-4),
        }
    )


def _cea(common: dict[str, Any]) -> Recipe:
    recipe = _published(CEA, {"sides": []}, common)
    return recipe.model_copy(
        update={
            "description": f"{CEA} Section 3.3: PASCAL Context, 10,000 steps.",
            "data": Data(
                name="pascal_context", train_split="trainval", validation_split=None, test_split="validation"
            ),
            "epochs": None,
            "steps": STEPS_OF_CEA,
        }
    )


def _house(
    description: str, options: dict[str, Any], common: dict[str, Any], data: str = HOUSE, on: str = OUTLINES
) -> Recipe:
    return Recipe(
        description=f"{description} Short, at 64x64, from HED's trunk, {on}.",
        data=Data(name=data),
        pipeline=Pipeline(normalization="none"),
        options={"weights": "trunk"},
        loss="own",
        loss_options={**common, **options},
        optimizer=Optimizer(name="adam", learning_rate=1e-4, momentum=0.9, weight_decay=2e-4),
        schedule=Schedule(kind="cosine"),
        batch_size=8,
        epochs=2,
    )
