"""How the four models are trained: as published (thesis section 8.1.3), and short on the house set."""

from __future__ import annotations

from typing import Any

from kzoo.recipe import Data, Optimizer, Pipeline, Recipe, Schedule

NARROW = {"residual_blocks": 4, "width": 16, "discriminator_width": 24}
HOUSE = {
    "house_labels": ("house/labels_color", "Label maps of emoji, and emoji in colour"),
    "house": ("house/outline_color", "Outlines of emoji, and emoji in colour"),
}


def recipes(**loss_options: Any) -> dict[str, Recipe]:
    """Return the recipes of one model by name, the shortest last.

    Args:
        loss_options: that differ from those of the vanilla model.
    """
    own = {"cycle_weight": 10.0, "pool_size": 50, **loss_options}
    return {
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
        )
        for name, (data, about) in HOUSE.items()
    }
