"""Edges: pictures with annotated lines, deep supervision of side outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.data.edge_batches import EdgeExamples, edge_batches
from kzoo.data.layers import LayerSource, open_layers
from kzoo.metrics.edges import best_f_measure
from kzoo.recipe import Data, Recipe
from kzoo.system import System
from kzoo.training.models import plain_copy
from kzoo.training.own_loss import own_terms, with_own_loss
from kzoo.training.tasks.task import Task, Validation

SIDE = 64
BATCH_SIZE = 8


class Edges(Task):
    """The probability of an edge at each pixel."""

    validation_metric = "val_pixel_f"

    def open(self, data: Data, systems: Sequence[System]) -> LayerSource:
        """Open drawings with their outlines."""
        return open_layers(data.name, image_size_hint=SIDE)

    def options(self, system: System, source: LayerSource) -> dict[str, Any]:
        """Return nothing: the data decide no option."""
        return {}

    def adapted(self, model: keras.Model, source: LayerSource) -> keras.Model:
        """Return `model` itself; one of fixed size other than the pictures' fails when it is fed."""
        return model

    def examples(self, system: System, source: LayerSource, split: str) -> EdgeExamples:
        """Read pictures and outlines at 64x64."""
        return EdgeExamples.of(source.arrays(split, image_size=(SIDE, SIDE)))

    def batches(self, recipe: Recipe, examples: EdgeExamples, first_step: int = 0) -> tf.data.Dataset:
        """Return batches of pictures and labels; see `kzoo.data.edge_batches.edge_batches`."""
        return edge_batches(
            examples,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            relax=recipe.loss_options.get("relax"),
            first_step=first_step,
        )

    def validation(
        self, model: keras.Model, system: System, recipe: Recipe, examples: EdgeExamples
    ) -> Validation:
        """Measure the best F of pixels over thresholds, without tolerance: ODS takes too long every epoch."""
        return Validation(callbacks=[_Measure(model, examples)])

    def compile(
        self,
        model: keras.Model,
        system: System,
        recipe: Recipe,
        optimizer: keras.optimizers.Optimizer,
        batch: Any,
    ) -> keras.Model:
        """Return the model that minimises the system's own terms."""
        fitted = with_own_loss(model, own_terms(system, recipe), batch)
        fitted.compile(optimizer=optimizer, jit_compile=False)
        return fitted


class _Measure(keras.callbacks.Callback):
    """Adds val_pixel_f to the logs of each epoch."""

    def __init__(self, model: keras.Model, examples: EdgeExamples) -> None:
        super().__init__()
        self.measured = plain_copy(model)
        self.examples = examples

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Measure, on a copy that knows no strategy."""
        assert logs is not None
        self.measured.set_weights(self.model.get_weights())
        images = self.examples.images.astype("float32")
        logits = self.measured.predict({"image": images}, batch_size=BATCH_SIZE, verbose=0)["fused"]
        logs["val_pixel_f"] = best_f_measure(1 / (1 + np.exp(-logits[..., 0])), self.examples.edges)
