"""Classification: images with one label each, cross-entropy, accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from kzoo.data.pipeline import Examples, evaluation_batches, examples_of, training_batches
from kzoo.data.record_examples import RecordExamples
from kzoo.data.sources import DataSource, open_source
from kzoo.errors import UsageError
from kzoo.recipe import Data, Recipe
from kzoo.system import System
from kzoo.training import models
from kzoo.training.deep_supervision import with_deep_supervision
from kzoo.training.tasks.task import Task, Validation


class Classification(Task):
    """One label an image, read off the highest of C logits."""

    validation_metric = "val_accuracy"

    def open(self, data: Data, systems: Sequence[System]) -> DataSource:
        """Open labelled images, sized for the largest input of the systems."""
        return open_source(data.name, image_size_hint=max(max(_image_size(one)) for one in systems))

    def options(self, system: System, source: DataSource) -> dict[str, Any]:
        """Return the number of classes."""
        return {"classes": len(source.classes)}

    def adapted(self, model: keras.Model, source: DataSource) -> keras.Model:
        """Return `model`, or one with a new last layer where the number of classes differs."""
        return models.with_classes(model, len(source.classes))

    def examples(self, system: System, source: DataSource, split: str) -> Examples | RecordExamples:
        """Read images at the system's size."""
        return examples_of(source, split, image_size=_image_size(system))

    def batches(
        self, recipe: Recipe, examples: Examples | RecordExamples, first_step: int = 0
    ) -> tf.data.Dataset:
        """Return (image, label) batches; see `kzoo.data.pipeline.training_batches` for shapes and dtypes."""
        return training_batches(
            examples,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            normalization=recipe.pipeline.normalization,
            augmentation=recipe.pipeline.augmentation,
            padding=recipe.pipeline.padding,
            resize=recipe.pipeline.resize,
            first_step=first_step,
        )

    def validation(
        self, model: keras.Model, system: System, recipe: Recipe, examples: Examples | RecordExamples
    ) -> Validation:
        """Measure loss and accuracy over batches."""
        return Validation(
            evaluation_batches(
                examples, batch_size=recipe.batch_size, normalization=recipe.pipeline.normalization
            )
        )

    def compile(
        self,
        model: keras.Model,
        system: System,
        recipe: Recipe,
        optimizer: keras.optimizers.Optimizer,
        batch: Any,
    ) -> keras.Model:
        """Compile with cross-entropy of the logits, or of each output where a model gives several."""
        if recipe.loss != "sparse_categorical_crossentropy":
            raise UsageError(f"a classifier has no loss {recipe.loss!r}; expected a cross-entropy")
        if isinstance(model.output, Mapping):
            model = with_deep_supervision(model)
        model.compile(
            optimizer=optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, name=recipe.loss, dtype=keras.config.dtype_policy().variable_dtype
            ),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        )
        return model


def _image_size(system: System) -> tuple[int, int]:
    if system.image_size is None:
        raise UsageError(f"{system.name} does not take images of one size")
    return system.image_size
