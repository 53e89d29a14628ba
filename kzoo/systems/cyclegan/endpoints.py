"""What an exported translator answers."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from kzoo.data.endpoints import ONE_IMAGE_BYTES, traced_once
from kzoo.data.images import decode_image
from kzoo.system import Signature, System

Translate = Callable[[tf.Tensor], dict[str, tf.Tensor]]
Translated = Callable[[tf.Tensor], tf.Tensor]
STRIDE = 4
SMALLEST = 8


def signatures(model: keras.Model, _system: System, _classes: tuple[str, ...]) -> dict[str, Signature]:
    """Return the endpoints of a translator, each a chain of generators.

    - `a_to_b`, and the same as `serving_default`; `b_to_a`: image_bytes string (1,), PNG, JPEG, GIF or BMP of
      8x8 pixels or more, to image uint8 (1, H, W, 3) of the same size. What is no multiple of 4 is mirrored
      at its lower and right border for the network, and cut back.
    - `a_to_b_tensor`, `b_to_a_tensor`: image float32 (N, H, W, 3), pixels 0 to 255, H and W multiples of 4,
      to image float32 of the same form.
    """
    spec = tf.TensorSpec((None, None, None, 3), tf.float32, name="image")
    found = {}
    for name, source, output in (("a_to_b", "a", "fake_b"), ("b_to_a", "b", "fake_a")):
        chain = keras.Model(model.input[source], model.output[output], name=name)
        translated = traced_once(_translated(chain), spec)
        found[name] = Signature(_from_bytes(translated), (ONE_IMAGE_BYTES,), (chain,))
        found[f"{name}_tensor"] = Signature(_from_tensor(translated), (spec,), (chain,))
    return {"serving_default": found["a_to_b"], **found}


def _translated(chain: keras.Model) -> Translated:
    def translated(image: tf.Tensor) -> tf.Tensor:
        return (tf.cast(chain(image / 127.5 - 1, training=False), tf.float32) + 1) * 127.5

    return translated


def _from_tensor(translated: Translated) -> Translate:
    def translate(image: tf.Tensor) -> dict[str, tf.Tensor]:
        size = tf.shape(image)[1:3]
        message = tf.strings.format("image is {} pixels; expected multiples of 4, at least 8", size)
        fits = tf.reduce_all((size % STRIDE == 0) & (size >= SMALLEST))
        with tf.control_dependencies([tf.debugging.Assert(fits, [message])]):
            return {"image": translated(tf.identity(image))}

    return translate


def _from_bytes(translated: Translated) -> Translate:
    def translate(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        image = tf.cast(decode_image(image_bytes[0]), tf.float32)
        size = tf.shape(image)[:2]
        message = tf.strings.format("image is {} pixels; expected 8x8 or more", size)
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(size >= SMALLEST), [message])]):
            missing = -size % STRIDE
        fitted = tf.pad(image, [[0, missing[0]], [0, missing[1]], [0, 0]], mode="REFLECT")
        made = tf.cast(tf.round(translated(fitted[None])), tf.uint8)
        return {"image": made[:, : size[0], : size[1]]}

    return translate
