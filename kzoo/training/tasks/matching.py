"""Matching: images and texts as features, embedded so that those that belong together lie close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from kzoo.data.pair_batches import Pairs, pair_batches
from kzoo.data.pairs import IMAGE_ENCODER, TEXT_ENCODER, PairSource, open_pairs
from kzoo.errors import UsageError
from kzoo.recipe import Data, Recipe
from kzoo.system import System
from kzoo.training.measured_epochs import MeasuredEpochs
from kzoo.training.own_loss import compiled_with_own_loss
from kzoo.training.tasks.task import Task, Validation


class Matching(Task):
    """Retrieval of texts by images and of images by texts, with or without classes."""

    validation_metric = "val_r_sum"

    def open(self, data: Data, systems: Sequence[System]) -> PairSource:
        """Open pairs of features, made by the encoders that the recipe names where they are not there yet."""
        return open_pairs(
            data.name,
            image_encoder=data.image_encoder or IMAGE_ENCODER,
            text_encoder=data.text_encoder or TEXT_ENCODER,
        )

    def description(self, source: PairSource) -> dict[str, Any]:
        """Return the names of the encoders."""
        return {
            "encoders": {
                "image_encoder": source.image_encoder.name,
                "text_encoder": source.text_encoder.name,
            }
        }

    def options(self, system: System, source: PairSource) -> dict[str, Any]:
        """Return the dimensions of the features, and the number of classes of a system that has any."""
        found = {
            "image_dim": source.image_encoder.dimension,
            "text_dim": source.text_encoder.dimension,
            "classes": len(source.classes),
        }
        return {name: value for name, value in found.items() if name in system.options}

    def adapted(self, model: keras.Model, source: PairSource) -> keras.Model:
        """Return `model` itself.

        Raises:
            UsageError: if it takes features of other dimensions than the data have.
        """
        wanted = {name: tensor.shape[-1] for name, tensor in model.input.items()}
        given = {"image": source.image_encoder.dimension, "text": source.text_encoder.dimension}
        if wanted != given:
            raise UsageError(f"{model.name} takes features of {wanted}; {source.name} has {given}")
        return model

    def examples(self, system: System, source: PairSource, split: str) -> Pairs:
        """Read the features of a split."""
        return Pairs.of(source.arrays(split))

    def batches(self, recipe: Recipe, examples: Pairs, first_step: int = 0) -> tf.data.Dataset:
        """Return batches of pairs; see `kzoo.data.pair_batches.pair_batches` for shapes and dtypes."""
        return pair_batches(examples, batch_size=recipe.batch_size, seed=recipe.seed, first_step=first_step)

    def validation(self, model: keras.Model, system: System, recipe: Recipe, examples: Pairs) -> Validation:
        """Measure the system's own metrics over the whole split after each epoch."""

        def measure(model: keras.Model) -> Mapping[str, float]:
            return system.evaluate(model, examples.arrays)

        return Validation(callbacks=[MeasuredEpochs(model, measure)])

    def compile(
        self,
        model: keras.Model,
        system: System,
        recipe: Recipe,
        optimizer: keras.optimizers.Optimizer,
        batch: Any,
    ) -> keras.Model:
        """Return the model that minimises the system's own terms."""
        return compiled_with_own_loss(model, system, recipe, optimizer, batch)
