"""How the four models are trained: as published (thesis section 8.1.3), and short on the house set."""

from __future__ import annotations

from typing import Any

from kzoo.recipe import Blessing, Data, Optimizer, Pipeline, Recipe, Schedule

NARROW = {"residual_blocks": 4, "width": 16, "discriminator_width": 24}
HOUSE = {
    "house_labels": ("house/labels_color", "Label maps of emoji, and emoji in colour"),
    "house": ("house/outline_color", "Outlines of emoji, and emoji in colour"),
}


PUBLISHED = {
    "facade": ("cmp_facade", "test", "Label maps and photographs of facades"),
    "cityscapes": ("cityscapes", "validation", "Label maps and photographs of streets"),
    "shoes": ("sbir_shoes", "test", "Photographs and sketches of shoes"),
    "chairs": ("sbir_chairs", "test", "Photographs and sketches of chairs"),
}


def recipes(**loss_options: Any) -> dict[str, Recipe]:
    """Return the recipes of one model by name, the shortest last.

    Args:
        loss_options: that differ from those of the vanilla model.
    """
    own = {"cycle_weight": 10.0, "pool_size": 50, **loss_options}
    published = {
        name: Recipe(
            description=f"{about}, as published: 256x256 cut from 286x286, the rate falling from epoch 100.",
            data=Data(name=data, validation_split=None, test_split=test_split),
            pipeline=Pipeline(normalization="none", augmentation="random_crop_flip", resize=286),
            loss="own",
            loss_options=own,
            optimizer=Optimizer(name="adam", learning_rate=2e-4, momentum=0.5, weight_decay=5e-4),
            schedule=Schedule(kind="linear", start=100),
            batch_size=1,
            epochs=200,
        )
        for name, (data, test_split, about) in PUBLISHED.items()
    }
    house = {
        name: Recipe(
            description=f"{about}, at 64x64, by networks a quarter as wide as published.",
            data=Data(name=data),
            pipeline=Pipeline(normalization="none"),
            options=NARROW,
            loss="own",
            loss_options=own,
            optimizer=Optimizer(name="adam", learning_rate=2e-4, momentum=0.5),
            schedule=Schedule(kind="linear", start=2),
            batch_size=1,
            epochs=4,
            blessing=Blessing(metric="ssim_b", at_least=0.5),
        )
        for name, (data, about) in HOUSE.items()
    }
    return {**published, **house}
