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
from kzoo.training.sample_grids import SampleGrids
from kzoo.training.tasks.synthesis import Synthesis

SAMPLES = 8


class Translation(Synthesis):
    """Pictures of one domain become pictures of the other."""

    def open(self, data: Data, systems: Sequence[System]) -> DomainSource:
        """Open two domains."""
        return open_domains(data.name)

    def description(self, source: DomainSource) -> dict[str, Any]:
        """Return what A and B are."""
        return {"domains": list(source.domains)}

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

    def samples(
        self, model: keras.Model, examples: DomainExamples, folder: Path, tensorboard: Path
    ) -> Sequence[keras.callbacks.Callback]:
        """Return what draws, for the first pictures of each domain, every output that is a picture."""
        return [SampleGrids(_first(examples), ("a", "b"), folder / "samples", tensorboard)]


def _first(examples: DomainExamples) -> dict[str, np.ndarray]:
    return {
        name: images[:SAMPLES].astype("float32") / 127.5 - 1
        for name, images in (("a", examples.a), ("b", examples.b))
    }
