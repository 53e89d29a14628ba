"""What training asks of a kind of problem."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kzoo.data.data_source import Source
from kzoo.errors import UsageError
from kzoo.recipe import Data, Recipe
from kzoo.system import System

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class Examples(Protocol):
    """A split in memory, of which batches are drawn: its length, and the name of each example."""

    ids: Any

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Validation:
    """How a model is measured after each epoch: over batches, or by callbacks that add to the logs."""

    batches: tf.data.Dataset | None = None
    callbacks: Sequence[keras.callbacks.Callback] = ()


def require_built_for(system: System, model: keras.Model, given: tuple[int | None, ...]) -> None:
    """Refuse a model that was built for images of another size than the data's.

    Args:
        system, model: the model takes "image"; its input's height and width are None for any size.
        given: (height, width) of the data, None where they differ.

    Raises:
        UsageError: if they are of another size; it names the options that allow it.
    """
    built = model.input_shape[1:3]
    if any(one not in (None, two) for one, two in zip(built, given, strict=True)):
        raise UsageError(
            f"{system.name} is built for images of {built}; the data's are {given}: set "
            f"options.image_size={list(given)}, or options.fusion_grid=resize for images of any size"
        )


class Task(ABC):
    """A kind of problem.

    Attributes:
        validation_metric: name in the logs of an epoch; higher is better. None where the last weights are
            kept: no measure says which generated pictures are best.
    """

    validation_metric: str | None

    @abstractmethod
    def open(self, data: Data, systems: Sequence[System]) -> Source:
        """Open the data that a recipe names, for one system or several; built where absent.

        Raises:
            DataError, UnknownNameError: if it cannot be had.
        """

    def description(self, source: Any) -> dict[str, Any]:
        """Return what a run records of such data besides name, classes, splits, fingerprint and terms."""
        return {}

    @abstractmethod
    def options(self, system: System, source: Any) -> dict[str, Any]:
        """Return the build options that the data decide, as the number of classes."""

    @abstractmethod
    def adapted(self, model: keras.Model, source: Any) -> keras.Model:
        """Return a loaded model made ready for other data.

        Raises:
            UsageError: if it does not fit.
        """

    @abstractmethod
    def examples(self, system: System, source: Any, split: str) -> Any:
        """Read a split into memory."""

    @abstractmethod
    def batches(self, recipe: Recipe, examples: Any, first_step: int = 0) -> tf.data.Dataset:
        """Return the recipe's endless stream of (inputs, targets), beginning with the batch of a step."""

    @abstractmethod
    def validation(self, model: keras.Model, system: System, recipe: Recipe, examples: Any) -> Validation:
        """Return how the model is measured on `examples` after each epoch."""

    def samples(
        self, model: keras.Model, examples: Any, folder: Path, tensorboard: Path
    ) -> Sequence[keras.callbacks.Callback]:
        """Return what draws pictures of `examples` into a run's folder and TensorBoard after each epoch."""
        return ()

    @abstractmethod
    def compile(
        self,
        model: keras.Model,
        system: System,
        recipe: Recipe,
        optimizer: keras.optimizers.Optimizer,
        batch: Any,
    ) -> keras.Model:
        """Compile the model for `fit`, and return it or the one to fit in its place, of the same layers.

        Args:
            model: built in the scope of the strategy, as this is called.
            system, recipe: what is trained, and how.
            optimizer: of the recipe.
            batch: specification of a batch, (inputs, targets).

        Raises:
            UsageError: for a loss that the task does not know.
        """
