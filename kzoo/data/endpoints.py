"""What exported graphs have in common: their inputs, shared networks, and the answer of a classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

TOP = 5

IMAGE_BYTES = tf.TensorSpec((None,), tf.string, name="image_bytes")
ONE_IMAGE_BYTES = tf.TensorSpec((1,), tf.string, name="image_bytes")


def image_spec(image_size: tuple[int | None, int | None]) -> tf.TensorSpec:
    """Return the spec of `image`: float32 (N, height, width, 3), pixels 0 to 255."""
    return tf.TensorSpec((None, *image_size, 3), tf.float32, name="image")


def traced_once(function: Callable[..., Any], *inputs: Any) -> Callable[..., Any]:
    """Return `function` as one graph for all endpoints that call it.

    Otherwise each endpoint holds the operations of a network once more, which are traced, written and loaded.
    What an endpoint does not use of the outputs is not computed for it.

    Args:
        function: TensorFlow function.
        inputs: a TensorSpec for each of its arguments, or a structure of them.
    """
    return tf.function(function, input_signature=list(inputs), autograph=False)


def checked_images(image: tf.Tensor) -> tf.Tensor:
    """Return `image` (N, H, W, 3) as it is, having checked that N is 1 or more and each pixel a number.

    TensorFlow's fused convolutions fail on empty batches, with messages about something else.

    Raises:
        tf.errors.InvalidArgumentError: for an empty batch, and for NaN or infinite pixels; the message names
            their rows.
    """
    some = tf.debugging.Assert(tf.shape(image)[0] > 0, ["the batch is empty; expected one image or more"])
    bad = tf.where(~tf.reduce_all(tf.math.is_finite(image), axis=(1, 2, 3)))[:, 0]
    message = tf.strings.format("image is NaN or infinite in rows {}; expected pixels of 0 to 255", bad)
    with tf.control_dependencies([some, tf.debugging.Assert(tf.size(bad) == 0, [message])]):
        return tf.identity(image)


def logits_and_maps(
    model: keras.Model, output: str, layer: str
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return checked images (N, H, W, 3) to each pixel's logits and a layer's maps, float32, traced once.

    Args:
        model: its input is one image; its outputs have names.
        output: name of the logits.
        layer: name of the layer that gives the maps.
    """
    network = keras.Model(model.input, [model.output[output], model.get_layer(layer).output], name=model.name)

    def compute(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits, maps = network(checked_images(image), training=False)
        return tf.cast(logits, tf.float32), tf.cast(maps, tf.float32)

    return traced_once(compute, image_spec(model.input_shape[1:3]))


def class_answers(logits: tf.Tensor, classes: Sequence[str]) -> dict[str, tf.Tensor]:
    """Return what a classifier answers.

    Args:
        logits: (N, C), any float dtype; the softmax is computed in float32.
        classes: C names.

    Returns:
        probabilities float32 (N, C) in the order of `classes`; classes string (N, k) and scores float32
        (N, k), the k = min(5, C) most probable, best first, of equal ones the earlier class first.
    """
    probabilities = tf.nn.softmax(tf.cast(logits, tf.float32))
    scores, indices = tf.math.top_k(probabilities, k=min(TOP, len(classes)))
    return {
        "probabilities": probabilities,
        "classes": tf.gather(tf.constant(list(classes)), indices),
        "scores": scores,
    }
