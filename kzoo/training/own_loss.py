"""Models trained by the loss terms of their own system, each term named in the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from kzoo.errors import UsageError
from kzoo.recipe import Recipe
from kzoo.system import System
from kzoo.training.models import MultiWorkerModel

LossTerms = Callable[[Any, Mapping[str, Any]], Mapping[str, Any]]


def own_terms(system: System, recipe: Recipe) -> LossTerms:
    """Return the function (outputs, batch) -> {name: scalar} of a system's loss terms by a recipe's options.

    Raises:
        UsageError: for a recipe with another loss.
    """
    if recipe.loss != "own":
        raise UsageError(f"{system.name} is trained by its own loss; received loss {recipe.loss!r}")

    def terms(outputs: Any, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        return system.losses(outputs, batch, recipe.loss_options)

    return terms


class OwnLossModel(keras.Model):
    """A functional model whose loss is the sum of named terms, each tracked as a metric.

    Under tf.distribute the outputs and batches of all replicas are gathered first, so that a term that
    compares the rows of a batch compares all of them, however many devices share the batch.
    """

    loss_terms: LossTerms
    trackers: dict[str, keras.metrics.Mean]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the sum of the terms, scaled for the number of replicas as Keras's own losses are."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        batch = {**x, **y}
        if replicas > 1:
            y_pred, batch = _gathered(y_pred), _gathered(batch)
        terms = self.loss_terms(y_pred, batch)
        for name, value in terms.items():
            self.trackers[name].update_state(value)
        total = sum(terms.values())
        return total / replicas if replicas > 1 else total


class MultiWorkerOwnLossModel(MultiWorkerModel, OwnLossModel):
    """The same under MultiWorkerMirroredStrategy."""


def with_own_loss(model: keras.Model, loss_terms: LossTerms, batch: Any) -> OwnLossModel:
    """Return the layers of `model` as a model that trains by `loss_terms`.

    Args:
        model: functional, outputs by name.
        loss_terms: function (outputs, batch) -> {name: scalar}; the batch holds inputs and targets by name.
        batch: specification of a batch, (inputs, targets), by which the names of the terms are found.
    """
    several_workers = isinstance(model, MultiWorkerModel)
    wrapped = (MultiWorkerOwnLossModel if several_workers else OwnLossModel)(
        model.input, model.output, name=model.name
    )
    if several_workers:
        wrapped.batch_specification = model.batch_specification
    wrapped.loss_terms = loss_terms
    wrapped.trackers = {name: keras.metrics.Mean(name=name) for name in _names(model, loss_terms, batch)}
    return wrapped


def compiled_with_own_loss(
    model: keras.Model, system: System, recipe: Recipe, optimizer: keras.optimizers.Optimizer, batch: Any
) -> OwnLossModel:
    """Return `with_own_loss` of a system's own terms, compiled; see `kzoo.training.tasks.Task.compile`.

    Raises:
        UsageError: for a recipe with another loss.
    """
    fitted = with_own_loss(model, own_terms(system, recipe), batch)
    fitted.compile(optimizer=optimizer, jit_compile=False)
    return fitted


def _names(model: keras.Model, loss_terms: LossTerms, batch: Any) -> Sequence[str]:
    @tf.function(autograph=False)
    def terms(inputs: Any, targets: Any) -> dict[str, Any]:
        return dict(loss_terms(model(inputs, training=False), {**inputs, **targets}))

    return sorted(terms.get_concrete_function(*batch).structured_outputs)


def _gathered(tensors: Mapping[str, Any]) -> dict[str, Any]:
    context = tf.distribute.get_replica_context()
    return {name: context.all_gather(value, axis=0) for name, value in tensors.items()}
