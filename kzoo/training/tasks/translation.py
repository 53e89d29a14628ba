"""Image-to-image translation between two domains without pairs: generators against discriminators."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.data.domains import DomainExamples, DomainSource, open_domains
from kzoo.data.unpaired import unpaired_batches
from kzoo.recipe import Data, Recipe
from kzoo.system import System
from kzoo.training.adversarial import with_players
from kzoo.training.own_loss import own_terms
from kzoo.training.sample_grids import SampleGrids
from kzoo.training.tasks.task import Task, Validation

SAMPLES = 8


class Translation(Task):
    """Pictures of one domain become pictures of the other."""

    validation_metric = None

    def open(self, data: Data, systems: Sequence[System]) -> DomainSource:
        """Open two domains."""
        return open_domains(data.name)

    def description(self, source: DomainSource) -> dict[str, Any]:
        """Return what A and B are."""
        return {"domains": list(source.domains)}

    def options(self, system: System, source: DomainSource) -> dict[str, Any]:
        """Return nothing: the data decide no option."""
        return {}

    def adapted(self, model: keras.Model, source: DomainSource) -> keras.Model:
        """Return `model` itself, which takes pictures of any domain."""
        return model

    def examples(self, system: System, source: DomainSource, split: str) -> DomainExamples:
        """Read both domains."""
        return source.examples(split)

    def batches(self, recipe: Recipe, examples: DomainExamples, first_step: int = 0) -> tf.data.Dataset:
        """Return batches of both domains; see `kzoo.data.unpaired.unpaired_batches`."""
        return unpaired_batches(
            examples,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            augmentation=recipe.pipeline.augmentation,
            resize=recipe.pipeline.resize,
            first_step=first_step,
        )

    def validation(
        self, model: keras.Model, system: System, recipe: Recipe, examples: DomainExamples
    ) -> Validation:
        """Measure nothing after an epoch; there are `samples` to look at."""
        return Validation()

    def samples(
        self, model: keras.Model, examples: DomainExamples, folder: Path, tensorboard: Path
    ) -> Sequence[keras.callbacks.Callback]:
        """Return what draws, for the first pictures of each domain, every output that is a picture."""
        return [SampleGrids(_first(examples), ("a", "b"), folder / "samples", tensorboard)]

    def compile(
        self,
        model: keras.Model,
        system: System,
        recipe: Recipe,
        optimizer: keras.optimizers.Optimizer,
        batch: Any,
    ) -> keras.Model:
        """Return the model of two players."""
        return with_players(
            model,
            own_terms(system, recipe),
            system.judgements,
            optimizer=optimizer,
            batch=batch,
            pool_size=int(recipe.loss_options.get("pool_size", 0)),
            seed=recipe.seed,
        )


def _first(examples: DomainExamples) -> dict[str, np.ndarray]:
    return {
        name: images[:SAMPLES].astype("float32") / 127.5 - 1
        for name, images in (("a", examples.a), ("b", examples.b))
    }
