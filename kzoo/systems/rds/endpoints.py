"""What an exported edge detector answers."""

from __future__ import annotations

import keras
import tensorflow as tf

from kzoo.data.endpoints import ONE_IMAGE_BYTES, image_spec, logits_and_maps
from kzoo.data.images import decode_image, resize_image
from kzoo.system import Signature, System


def signatures(model: keras.Model, system: System, _classes: tuple[str, ...]) -> dict[str, Signature]:
    """Return the endpoints of an edge detector.

    - `serving_default`: image_bytes string (1,), PNG, JPEG, GIF or BMP of any size, to edges float32
      (1, H, W, 1), the probability of an edge at each pixel, in the image's own size. Images of a batch may
      differ in size, so that a batch is one image.
    - `serving_tensor`: image float32 (N, H, W, 3), pixels 0 to 255, to edges (N, H, W, 1).
    - `embed`: image_bytes to embedding float32 (1, C): the last block's channels averaged over the image and
      divided by their Euclidean length.

    A network of one size scales the image to it and the answer back.
    """
    size = model.input_shape[1:3]
    any_size = None in size
    spec = image_spec(size)
    compute = logits_and_maps(model, "fused", system.features["embedding"])

    def fitted(image: tf.Tensor) -> tf.Tensor:
        image = image if any_size else tf.ensure_shape(resize_image(image, size), (*size, 3))
        return tf.cast(image, tf.float32)[None]

    def from_tensor(image: tf.Tensor) -> dict[str, tf.Tensor]:
        logits, _ = compute(image)
        return {"edges": tf.sigmoid(logits)}

    def from_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        image = decode_image(image_bytes[0])
        found = from_tensor(fitted(image))["edges"]
        return {"edges": found if any_size else tf.image.resize(found, tf.shape(image)[:2])}

    def embed(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        _, maps = compute(fitted(decode_image(image_bytes[0])))
        return {"embedding": tf.math.l2_normalize(tf.reduce_mean(maps, axis=(1, 2)), axis=-1)}

    return {
        "serving_default": Signature(from_bytes, (ONE_IMAGE_BYTES,)),
        "serving_tensor": Signature(from_tensor, (spec,)),
        "embed": Signature(embed, (ONE_IMAGE_BYTES,)),
    }
