"""Clothes swapped between persons, by generators against a discriminator of pairs of one person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kzoo.data.people import PersonPairs, PersonSource, open_people
from kzoo.data.people_batches import swap_batches, swap_examples
from kzoo.errors import UsageError
from kzoo.recipe import Data, Recipe
from kzoo.system import System
from kzoo.training.sample_grids import SampleGrids
from kzoo.training.tasks.synthesis import Synthesis

SAMPLES = 8
SHOWN = ("condition", "reference", "reference_pose")


class Swap(Synthesis):
    """A person's picture becomes one in another's pose."""

    def open(self, data: Data, systems: Sequence[System]) -> PersonSource:
        """Open pairs of persons."""
        return open_people(data.name)

    def examples(self, system: System, source: PersonSource, split: str) -> PersonPairs:
        """Read the pairs at 128x128."""
        return source.pairs(split)

    def batches(self, recipe: Recipe, examples: PersonPairs, first_step: int = 0) -> tf.data.Dataset:
        """Return batches of pairs; see `kzoo.data.people_batches.swap_batches`.

        Raises:
            UsageError: if the recipe augments them: a pose map cannot be turned with its picture.
        """
        if recipe.pipeline.augmentation != "none":
            raise UsageError(f"pairs of persons are not augmented; received {recipe.pipeline.augmentation!r}")
        return swap_batches(examples, batch_size=recipe.batch_size, seed=recipe.seed, first_step=first_step)

    def samples(
        self, model: keras.Model, examples: PersonPairs, folder: Path, tensorboard: Path
    ) -> Sequence[keras.callbacks.Callback]:
        """Return what draws, for the first pairs, every output that is a picture."""
        first: dict[str, Any] = next(iter(swap_examples(examples, batch_size=SAMPLES)))
        inputs = {tensor.name: first[tensor.name].numpy() for tensor in model.inputs}
        return [SampleGrids(inputs, SHOWN, folder / "samples", tensorboard)]
