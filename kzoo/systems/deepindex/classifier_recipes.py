"""How AlexNet and VGG-19 are trained: as their authors did, and short on the house set.

The thesis takes both as published and trains neither.
"""

from __future__ import annotations

from kzoo.recipe import Data, Optimizer, Pipeline, Recipe, Schedule

CROPS = Pipeline(normalization="none", augmentation="random_crop_flip", resize=256)


def alexnet_recipes() -> dict[str, Recipe]:
    """Return the recipes of AlexNet by name, the shortest last."""
    return {
        "imagenet2012": _published(
            "Krizhevsky et al. 2012, section 5: 90 epochs.",
            batch_size=128,
            epochs=90,
            boundaries=(30, 60, 80),
        ),
        "house_emoji": _house("by layers of 512 units in place of 4,096", {"units": 512}),
    }


def vgg19_recipes() -> dict[str, Recipe]:
    """Return the recipes of VGG-19 by name, the shortest last."""
    narrow = {"blocks": ((2, 16), (2, 32), (4, 64), (4, 128), (4, 128)), "units": 512}
    return {
        "imagenet2012": _published(
            "Simonyan and Zisserman 2015, section 3.1: 74 epochs. They began from an 11-layer network.",
            batch_size=256,
            epochs=74,
            boundaries=(25, 50, 65),
        ),
        "house_emoji": _house("by a network a quarter as wide", narrow),
    }


def _published(about: str, *, batch_size: int, epochs: int, boundaries: tuple[float, ...]) -> Recipe:
    return Recipe(
        description=f"{about} The rate falls three times to a tenth; the paper does not print when.",
        data=Data(name="imagenet2012", validation_split=None, test_split="validation"),
        pipeline=CROPS,
        optimizer=Optimizer(learning_rate=0.01, momentum=0.9, weight_decay=5e-4),
        schedule=Schedule(kind="piecewise", boundaries=boundaries, factor=0.1),
        batch_size=batch_size,
        epochs=epochs,
    )


def _house(how: str, options: dict[str, object]) -> Recipe:
    return Recipe(
        description=f"Short recipe for about a thousand pictures, {how}.",
        data=Data(name="house/emoji"),
        pipeline=CROPS,
        options=options,
        optimizer=Optimizer(name="adam", learning_rate=1e-4, clip_norm=10.0),
        schedule=Schedule(kind="cosine", warmup=1),
        batch_size=32,
        epochs=10,
    )
