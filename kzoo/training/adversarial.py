"""Models of generators and discriminators: two players, each with its own optimiser, in one train step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.errors import UsageError
from kzoo.losses import Judgement, least_squares_fake, least_squares_real
from kzoo.training.image_pool import ImagePool
from kzoo.training.models import MultiWorkerModel

GeneratorLosses = Callable[[Any, Mapping[str, Any]], Mapping[str, Any]]
Judgements = Callable[[Any, Mapping[str, Any]], Sequence[Judgement]]


class Averages:
    """Moving averages of weights, which a model that holds them does not count as its own.

    Args:
        decay: of an average, a step.
        weights: that are averaged; none for no averages.
    """

    def __init__(self, decay: float, weights: Sequence[keras.Variable]) -> None:
        self.decay = decay
        self.variables = [
            keras.Variable(
                keras.ops.convert_to_numpy(weight),
                dtype=weight.dtype,
                trainable=False,
                aggregation="only_first_replica",
                name=f"{weight.name}_average",
            )
            for weight in weights
        ]

    def update(self, weights: Sequence[keras.Variable]) -> None:
        """Take in the weights of a step, the same ones in the same order."""
        for average, weight in zip(self.variables, weights, strict=False):
            average.assign(self.decay * average + (1 - self.decay) * weight)


class AdversarialModel(keras.Model):
    """A functional model whose layers are generators and discriminators, trained in turn.

    A step computes the outputs once. The generators descend the sum of `generator_losses`; then every
    discriminator descends (D(real) - 1)^2 + D(fake)^2 for each of its fakes, as they were before the
    generators moved. No gradient of one player reaches the weights of the other. The `optimizer` of the
    model is the generators'.

    Under tf.distribute losses are divided by the replicas, so that a step is that of one device with the
    whole batch.

    With an `average_decay` d above 0 an average of the generators' weights goes with them: after each step it
    is d times itself and 1 - d times the weights (Yazici et al. 2019). It is what is drawn and kept.
    """

    generator_losses: GeneratorLosses
    judgements: Judgements
    discriminators: tuple[str, ...]
    discriminator_optimizer: keras.optimizers.Optimizer
    pools: Mapping[tuple[str, int], ImagePool]
    averages: Averages
    trackers: dict[str, keras.metrics.Mean]

    @property
    def further_state(self) -> list[Any]:
        """Variables besides those of the model and its `optimizer`, from which a run resumes."""
        pooled = [variable for pool in self.pools.values() for variable in pool.variables]
        return [*self.discriminator_optimizer.variables, *pooled, *self.averages.variables]

    @property
    def discriminator_weights(self) -> list[Any]:
        """Weights that the discriminators train."""
        return [weight for name in self.discriminators for weight in self.get_layer(name).trainable_variables]

    @property
    def generator_weights(self) -> list[Any]:
        """Weights that the generators train: all but the discriminators'."""
        theirs = {id(weight) for weight in self.discriminator_weights}
        return [weight for weight in self.trainable_variables if id(weight) not in theirs]

    def kept_weights(self) -> list[np.ndarray]:
        """Return all weights as `get_weights` does, averages in place of those that have one."""
        averaged = dict(zip(map(id, self.generator_weights), self.averages.variables, strict=False))
        return [keras.ops.convert_to_numpy(averaged.get(id(weight), weight)) for weight in self.weights]

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of both players and return their losses, each by its name; `loss` is their sum."""
        inputs, targets, _ = keras.utils.unpack_x_y_sample_weight(data)
        batch = {**inputs, **(targets or {})}
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        players = (
            (self.optimizer, self.generator_weights),
            (self.discriminator_optimizer, self.discriminator_weights),
        )
        with tf.GradientTape(persistent=True) as tape:
            outputs = self(_asked_for(self, batch), training=True)
            terms = (dict(self.generator_losses(outputs, batch)), self._discriminator_losses(outputs, batch))
            scaled = [
                optimizer.scale_loss(sum(losses.values()) / replicas)
                for (optimizer, _), losses in zip(players, terms, strict=True)
            ]
        gradients = [tape.gradient(loss, weights) for loss, (_, weights) in zip(scaled, players, strict=True)]
        del tape
        for (optimizer, weights), found in zip(players, gradients, strict=True):
            optimizer.apply_gradients(zip(found, weights, strict=True))
        self.averages.update(self.generator_weights)
        named = {**terms[0], **terms[1]}
        for name, value in {"loss": sum(named.values()), **named}.items():
            self.trackers[name].update_state(value)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def _discriminator_losses(self, outputs: Any, batch: Mapping[str, Any]) -> dict[str, Any]:
        losses: dict[str, Any] = {}
        for judgement in self.judgements(outputs, batch):
            judge = self.get_layer(judgement.discriminator)
            loss = least_squares_real(judge(judgement.real, training=True))
            for number, fake in enumerate(judgement.fakes):
                shown = tf.stop_gradient(fake)
                pool = self.pools.get((judgement.discriminator, number))
                if pool is not None:
                    shown = pool.exchange(shown)
                loss += least_squares_fake(judge(shown, training=True))
            losses[judgement.discriminator] = loss
        return losses


class MultiWorkerAdversarialModel(MultiWorkerModel, AdversarialModel):
    """The same under MultiWorkerMirroredStrategy."""


def with_players(
    model: keras.Model,
    generator_losses: GeneratorLosses,
    judgements: Judgements,
    *,
    optimizer: keras.optimizers.Optimizer,
    batch: Any,
    pool_size: int = 0,
    average_decay: float = 0.0,
    seed: int = 0,
) -> AdversarialModel:
    """Return the layers of `model` as a compiled model of two players.

    Call it in the scope of the strategy: optimisers and pools are built here.

    Args:
        model: functional, outputs by name; the discriminators are layers of it.
        generator_losses: function (outputs, batch) -> {name: scalar}; a batch has inputs and targets.
        judgements: function (outputs, batch) -> what each discriminator is shown.
        optimizer: of the generators; the discriminators get one of the same settings.
        batch: specification of a batch, (inputs, targets), of static shape.
        pool_size: pictures that each pool of earlier fakes holds (Shrivastava et al. 2017); 0 for no pools.
        average_decay: of the moving average of the generators' weights, a step; 0 for no average.
        seed: of the draws from the pools.

    Raises:
        UsageError: for a decay that is not in 0 to 1, 1 excluded.
    """
    if not 0 <= average_decay < 1:
        raise UsageError(f"loss_options.average_decay is from 0 to below 1; received {average_decay}")
    several_workers = isinstance(model, MultiWorkerModel)
    wrapped = (MultiWorkerAdversarialModel if several_workers else AdversarialModel)(
        model.input, model.output, name=model.name
    )
    if several_workers:
        wrapped.batch_specification = model.batch_specification
    wrapped.generator_losses, wrapped.judgements = generator_losses, judgements
    losses, judged, fakes = _specifications(model, generator_losses, judgements, batch)
    wrapped.discriminators = judged
    names = ["loss", *losses, *judged]
    wrapped.trackers = {name: keras.metrics.Mean(name=name) for name in names}
    wrapped.pools = {
        key: ImagePool(pool_size, spec, seed=seed + number, name=f"pool_{key[0]}_{key[1]}")
        for number, (key, spec) in enumerate(fakes.items())
        if pool_size
    }
    wrapped.averages = Averages(average_decay, wrapped.generator_weights if average_decay else ())
    wrapped.discriminator_optimizer = type(optimizer).from_config(optimizer.get_config())
    wrapped.compile(optimizer=optimizer, jit_compile=False)
    optimizer.build(wrapped.generator_weights)
    wrapped.discriminator_optimizer.build(wrapped.discriminator_weights)
    return wrapped


def kept_weights(model: keras.Model) -> list[np.ndarray]:
    """Return the weights that are drawn and kept: averages where a model of players has them."""
    return model.kept_weights() if isinstance(model, AdversarialModel) else model.get_weights()


def _asked_for(model: keras.Model, batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a batch the network takes; the rest is for the losses."""
    return {tensor.name: batch[tensor.name] for tensor in model.inputs}


def _specifications(
    model: keras.Model, generator_losses: GeneratorLosses, judgements: Judgements, batch: Any
) -> tuple[list[str], tuple[str, ...], dict[tuple[str, int], tf.TensorSpec]]:
    """Return the names of the losses, those of the discriminators, and the form of each of their fakes."""
    judged: list[str] = []

    @tf.function(autograph=False)
    def step(inputs: Any, targets: Any) -> Any:
        whole = {**inputs, **targets}
        outputs = model(_asked_for(model, whole), training=False)
        found = judgements(outputs, whole)
        judged.extend(judgement.discriminator for judgement in found)
        return dict(generator_losses(outputs, whole)), [list(judgement.fakes) for judgement in found]

    losses, fakes = step.get_concrete_function(*batch).structured_outputs
    forms = {
        (name, number): spec
        for name, specs in zip(judged, fakes, strict=True)
        for number, spec in enumerate(specs)
    }
    return sorted(losses), tuple(judged), forms
