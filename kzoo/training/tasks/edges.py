"""Edges: pictures with annotated lines, deep supervision of side outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.data.edge_batches import edge_batches
from kzoo.data.edge_examples import EdgeExamples
from kzoo.data.edge_labels import Labelling
from kzoo.data.edge_sources import EdgeSource, open_edges
from kzoo.data.layers import EMOJI_LAYERS, LayerSource, open_layers
from kzoo.metrics.edges import best_f_measure, edge_maps
from kzoo.recipe import Data, Recipe
from kzoo.system import System
from kzoo.training.measured_epochs import MeasuredEpochs
from kzoo.training.own_loss import compiled_with_own_loss
from kzoo.training.tasks.task import Task, Validation, require_built_for

SIDE = 64
METRIC = "pixel_f"


class Edges(Task):
    """The probability of an edge at each pixel."""

    validation_metric = f"val_{METRIC}"

    def open(self, data: Data, systems: Sequence[System]) -> LayerSource | EdgeSource:
        """Open drawings with their outlines, or photographs with annotated edges."""
        if data.name == EMOJI_LAYERS:
            return open_layers(data.name, image_size_hint=SIDE)
        return open_edges(data.name)

    def options(self, system: System, source: Any) -> dict[str, Any]:
        """Return nothing: the data decide no option."""
        return {}

    def adapted(self, model: keras.Model, source: Any) -> keras.Model:
        """Return `model` itself; one of another fixed size is refused when it is compiled."""
        return model

    def examples(self, system: System, source: LayerSource | EdgeSource, split: str) -> EdgeExamples:
        """Read drawings and outlines at 64x64; photographs are read as they are needed, at their own size."""
        if isinstance(source, EdgeSource):
            return source.examples(split)
        return EdgeExamples.of(source.arrays(split, image_size=(SIDE, SIDE)))

    def batches(self, recipe: Recipe, examples: EdgeExamples, first_step: int = 0) -> tf.data.Dataset:
        """Return batches of pictures and labels; see `kzoo.data.edge_batches.edge_batches`."""
        return edge_batches(
            examples,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            labelling=Labelling.of(recipe.loss_options, recipe.pipeline.image_size),
            first_step=first_step,
        )

    def validation(
        self, model: keras.Model, system: System, recipe: Recipe, examples: EdgeExamples
    ) -> Validation:
        """Measure the best F of pixels over thresholds, without tolerance: ODS takes too long every epoch."""

        def measure(model: keras.Model) -> Mapping[str, float]:
            found = edge_maps(model, (one.image for one in examples.pictures))
            truth = np.concatenate([one.agreed().ravel() for one in examples.pictures])
            return {METRIC: best_f_measure(np.concatenate([one.ravel() for one in found]), truth)}

        return Validation(callbacks=[MeasuredEpochs(model, measure)])

    def compile(
        self,
        model: keras.Model,
        system: System,
        recipe: Recipe,
        optimizer: keras.optimizers.Optimizer,
        batch: Any,
    ) -> keras.Model:
        """Return the model that minimises the system's own terms.

        Raises:
            UsageError: for another loss, and a model built for images of another size than the batch's.
        """
        require_built_for(system, model, tuple(batch[0]["image"].shape[1:3]))
        return compiled_with_own_loss(model, system, recipe, optimizer, batch)
