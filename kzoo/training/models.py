"""Models as training needs them: loading, copying without a strategy, new heads, frozen layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

import kzoo.layers  # noqa: F401  registers the layers that `.keras` files name
from kzoo.errors import RunError, UnknownNameError, UsageError
from kzoo.files import write_atomic
from kzoo.training.run_folder import ARCHIVE_ERRORS

TRUNK = "trunk"


def load_model(path: Path) -> keras.Model:
    """Load a `.keras` file in safe mode.

    Raises:
        RunError: if it is missing or no Keras model.
    """
    if not path.is_file():
        raise RunError(f"no .keras file at {path}")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except ARCHIVE_ERRORS as error:
        raise RunError(f"{path} is not a .keras file that can be loaded: {error}") from error


def save_model(model: keras.Model, path: Path) -> None:
    """Write a copy of `model` that knows neither strategy nor optimiser; whole or not at all."""
    plain = plain_copy(model)
    aside = path.with_name(f".{path.stem}.part.keras")
    try:
        plain.save(aside)
        write_atomic(path, aside.read_bytes())
    finally:
        aside.unlink(missing_ok=True)


def plain_copy(model: keras.Model) -> keras.Model:
    """Return a functional model with layers and weights of its own, equal to those of `model`."""
    copy = keras.models.clone_model(keras.Model(model.input, model.output, name=model.name))
    copy.set_weights(model.get_weights())
    return copy


def with_precision(model: keras.Model, policy: str) -> keras.Model:
    """Return `model` computing by a dtype policy, with the same weights; its outputs keep full precision.

    Args:
        model: a functional model; itself returned where nothing changes.
        policy: a Keras dtype policy, as "mixed_bfloat16".
    """
    full = keras.dtype_policies.get(policy).variable_dtype
    heads = {tensor._keras_history.operation.name for tensor in model.outputs}
    wanted = {layer.name: full if layer.name in heads else policy for layer in model.layers}
    if all(layer.dtype_policy.name == wanted[layer.name] for layer in model.layers if layer.weights):
        return model

    def with_policy(layer: keras.layers.Layer) -> keras.layers.Layer:
        return layer.__class__.from_config({**layer.get_config(), "dtype": wanted[layer.name]})

    converted = keras.models.clone_model(model, clone_function=with_policy)
    converted.set_weights(model.get_weights())
    return converted


def with_classes(model: keras.Model, classes: int) -> keras.Model:
    """Return `model` itself if it tells `classes` classes, else a model with new last layers on its layers.

    Raises:
        UsageError: if its outputs are not those of dense layers called "logits" or "..._logits".
    """
    heads = [model.get_layer(tensor._keras_history.operation.name) for tensor in model.outputs]
    for head in heads:
        if not is_head(head) or not isinstance(head, keras.layers.Dense):
            raise UsageError(f"expected a model whose last layer is Dense 'logits'; received {head.name!r}")
    if all(head.units == classes for head in heads):
        return model
    logits = [
        keras.layers.Dense.from_config({**head.get_config(), "units": classes})(head.input) for head in heads
    ]
    return keras.Model(model.input, keras.tree.pack_sequence_as(model.output, logits), name=model.name)


def is_head(layer: keras.layers.Layer) -> bool:
    """Tell whether a layer gives class scores, of the whole model or of a side branch."""
    return layer.name == "logits" or layer.name.endswith("_logits")


def freeze(model: keras.Model, names: Sequence[str]) -> None:
    """Make layers untrainable; a frozen batch normalisation uses and keeps its stored statistics.

    Args:
        model: changed in place.
        names: layer names, or "trunk" for all layers but those of logits, or but the last without any.

    Raises:
        UnknownNameError: for a layer that the model does not have.
        UsageError: if no weight is left to train.
    """
    layers = {layer.name: layer for layer in model.layers}
    heads = [layer for layer in model.layers if is_head(layer)] or model.layers[-1:]
    for name in names:
        if name == TRUNK:
            for layer in model.layers:
                layer.trainable = layer in heads and layer.trainable
        elif name in layers:
            layers[name].trainable = False
        else:
            raise UnknownNameError("layer to freeze", name, [*layers, TRUNK])
    if not model.trainable_weights:
        raise UsageError(f"freezing {', '.join(names)} leaves {model.name} no weight to train")


def unfreeze(model: keras.Model) -> None:
    """Make all layers trainable; setting it on the model alone would not reach them."""
    for layer in model.layers:
        layer.trainable = True


class MultiWorkerModel(keras.Model):
    """A functional model that `fit`s under MultiWorkerMirroredStrategy.

    Keras 3 builds such a model from a per-replica batch, which the strategy cannot give (keras issue
    20585). Here it is built from the specification of the local batch instead.
    """

    batch_specification: tuple[tf.TensorSpec, ...]

    def _maybe_symbolic_build(self, iterator: object = None, data_batch: object = None) -> None:
        zeros = tf.nest.map_structure(
            lambda spec: tf.zeros([1 if size is None else size for size in spec.shape], spec.dtype),
            self.batch_specification,
        )
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=zeros)


def for_several_workers(model: keras.Model, data: tf.data.Dataset) -> MultiWorkerModel:
    """Return the same layers as a `MultiWorkerModel` that trains on batches like those of `data`."""
    wrapped = MultiWorkerModel(model.input, model.output, name=model.name)
    wrapped.batch_specification = data.element_spec
    return wrapped


@contextmanager
def scalar_metrics_reduced_over_workers() -> Iterator[None]:
    """While it lasts, Keras averages scalar metrics over workers as scalars.

    Keras 3 reduces them along an axis 0 that a scalar does not have (keras issue 20585).
    """
    from keras.src.backend.tensorflow import trainer

    original = trainer.reduce_per_replica

    def reduce_per_replica(values: object, strategy: tf.distribute.Strategy, reduction: str) -> object:
        if reduction in ("auto", "mean"):
            return tf.nest.map_structure(lambda value: strategy.reduce("MEAN", value, axis=None), values)
        return original(values, strategy, reduction)

    trainer.reduce_per_replica = reduce_per_replica
    try:
        yield
    finally:
        trainer.reduce_per_replica = original
