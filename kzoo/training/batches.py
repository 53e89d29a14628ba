"""The batches that a recipe trains on."""

from __future__ import annotations

import tensorflow as tf

from kzoo.data.pipeline import Examples, training_batches
from kzoo.recipe import Recipe


def recipe_batches(recipe: Recipe, examples: Examples, first_step: int = 0) -> tf.data.Dataset:
    """Return the recipe's endless stream of (image, label) batches from `first_step` on.

    See `kzoo.data.pipeline.training_batches` for shapes and dtypes.
    """
    return training_batches(
        examples,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        normalization=recipe.pipeline.normalization,
        augmentation=recipe.pipeline.augmentation,
        padding=recipe.pipeline.padding,
        first_step=first_step,
    )
