"""Optimisers with decay and learning-rate factors per weight, as Caffe's prototxt files give them.

Keras's own `weight_decay` is decoupled from the momentum; the thesis's (and Caffe's) is L2: it is added
to the gradient, after clipping, before momentum and before the factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from kzoo.errors import UnknownNameError, UsageError
from kzoo.recipe import Recipe

DECAYED = ("kernel", "depthwise_kernel", "pointwise_kernel", "embeddings")


class _PerWeight(keras.optimizers.Optimizer):
    """Adds L2 decay of kernels and per-layer rate factors to the Keras optimiser it is mixed into."""

    def __init__(
        self,
        *args: Any,
        l2: float = 0.0,
        learning_rate_multipliers: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.l2 = l2
        self.learning_rate_multipliers = dict(learning_rate_multipliers or {})

    def build(self, variables: list[Any]) -> None:
        """Look up each variable's decay and factor by its path, `layer/.../name`."""
        if not self.built:
            self.decays = [self.l2 if v.path.split("/")[-1] in DECAYED else 0.0 for v in variables]
            self.factors = [self.learning_rate_multipliers.get(v.path.split("/")[0], 1.0) for v in variables]
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Take the base optimiser's step with gradient + l2 * variable and learning_rate * factor."""
        index = self._get_variable_index(variable)
        decay, factor = self.decays[index], self.factors[index]
        if decay:
            gradient = keras.ops.cast(gradient, variable.dtype) + decay * variable
        super().update_step(gradient, variable, learning_rate * factor if factor != 1.0 else learning_rate)

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        """Leave a replica's own gradients as they are: what is clipped is their sum over the replicas."""
        return grads

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> list[tuple[Any, Any]]:
        """Sum over the replicas, then clip; Keras does it the other way round."""
        gradients, variables = zip(*super()._all_reduce_sum_gradients(grads_and_vars), strict=True)
        return list(zip(super()._clip_gradients(list(gradients)), variables, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "l2": self.l2,
            "learning_rate_multipliers": self.learning_rate_multipliers,
        }


@keras.saving.register_keras_serializable("kzoo")
class SGD(_PerWeight, keras.optimizers.SGD):
    """Stochastic gradient descent with momentum, L2 decay of kernels and factors per layer."""


@keras.saving.register_keras_serializable("kzoo")
class Adam(_PerWeight, keras.optimizers.Adam):
    """Adam with L2 decay of kernels and factors per layer."""


@keras.saving.register_keras_serializable("kzoo")
class LossScale(keras.optimizers.LossScaleOptimizer):
    """Keras's, for float16, but a step is skipped if the gradients of any replica overflow.

    Keras asks the first replica only: the others' infinities would get into the weights, or workers would
    wait for each other for ever.
    """

    def check_finite(self, grads: list[Any]) -> Any:
        """Return whether the gradients of all replicas are finite."""
        overflows = 1 - keras.ops.cast(super().check_finite(grads), "int32")
        total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, overflows)
        return keras.ops.equal(total, 0)


@keras.saving.register_keras_serializable("kzoo")
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that is kept until step `start`, then falls in equal parts to 0 at step `end`, never reached.

    Raises:
        UsageError: if it ends before it starts.
    """

    def __init__(self, learning_rate: float, start: int, end: int) -> None:
        if not 0 <= start < end:
            raise UsageError(f"a linear rate falls from step {start} to step {end}, the end of the run")
        self.learning_rate, self.start, self.end = learning_rate, start, end

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, counted from 0."""
        done = (keras.ops.cast(step, "float32") - self.start) / (self.end - self.start)
        return self.learning_rate * keras.ops.minimum(1.0, 1.0 - done)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"learning_rate": self.learning_rate, "start": self.start, "end": self.end}


def make_optimizer(recipe: Recipe, examples: int, layer_names: list[str]) -> keras.optimizers.Optimizer:
    """Return the recipe's optimiser and schedule as one Keras object.

    Args:
        recipe: read for `optimizer`, `schedule` and its length.
        examples: of the training split; schedules given in epochs need it.
        layer_names: of the model, against which `learning_rate_multipliers` are checked.

    Raises:
        UnknownNameError: if a multiplier names a layer that the model does not have.
    """
    section = recipe.optimizer
    for layer in section.learning_rate_multipliers:
        if layer not in layer_names:
            raise UnknownNameError("layer in optimizer.learning_rate_multipliers", layer, layer_names)
    common: dict[str, Any] = {
        "name": "optimizer",
        "learning_rate": make_schedule(recipe, examples),
        "l2": section.weight_decay,
        "learning_rate_multipliers": section.learning_rate_multipliers,
        "global_clipnorm": section.clip_norm,
    }
    if section.name == "adam":
        return Adam(beta_1=section.momentum, **common)
    return SGD(momentum=section.momentum, **common)


def make_schedule(recipe: Recipe, examples: int) -> Any:
    """Return the recipe's learning rate: a float, or a Keras schedule over steps.

    A run that is no longer than its warm-up ends while the rate still rises.
    """
    schedule, rate = recipe.schedule, recipe.optimizer.learning_rate
    if schedule.kind in ("constant", "plateau"):
        return rate
    if schedule.kind == "piecewise":
        boundaries = [recipe.in_steps(boundary, examples) for boundary in schedule.boundaries]
        rates = [rate * schedule.factor**fall for fall in range(len(boundaries) + 1)]
        return keras.optimizers.schedules.PiecewiseConstantDecay([step - 1 for step in boundaries], rates)
    if schedule.kind == "linear":
        start = recipe.in_steps(schedule.start, examples)
        return ConstantThenLinear(rate, start, recipe.total_steps(examples))
    warmup = recipe.in_steps(schedule.warmup, examples)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else rate,
        decay_steps=max(1, recipe.total_steps(examples) - warmup),
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )
