"""How SwapGAN is trained: as published (thesis section 8.2.3), and short on rendered persons."""

from __future__ import annotations

from kzoo.recipe import Blessing, Data, Optimizer, Pipeline, Recipe, Schedule

NARROW = {"width": 16, "residual_blocks": 6, "mask_width": 8, "discriminator_width": 16}
LOSS = {"mask_weight": 5.0, "pool_size": 0}


def recipes() -> dict[str, Recipe]:
    """Return the recipes by name, the shortest last; they are the same for the ablations."""
    return {
        "deepfashion": Recipe(
            description="As published: 3,000 pairs of photographs at 128x128.",
            data=Data(name="deepfashion_inshop", validation_split=None),
            pipeline=Pipeline(normalization="none"),
            loss="own",
            loss_options=LOSS,
            optimizer=_adam(2e-4),
            schedule=Schedule(kind="linear", start=50),
            batch_size=8,
            epochs=100,
            blessing=Blessing(metric="ssim_condition"),
        ),
        "house": Recipe(
            description="Rendered persons at 128x128, by networks a quarter as wide as published.",
            data=Data(name="house/people"),
            pipeline=Pipeline(normalization="none"),
            options=NARROW,
            loss="own",
            loss_options=LOSS,
            optimizer=_adam(4e-4),
            schedule=Schedule(kind="linear", start=8),
            batch_size=4,
            epochs=16,
            blessing=Blessing(metric="ssim"),
        ),
    }


def _adam(learning_rate: float) -> Optimizer:
    return Optimizer(name="adam", learning_rate=learning_rate, momentum=0.5)
