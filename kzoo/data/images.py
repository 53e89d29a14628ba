"""Decoding and resizing of images in a TensorFlow graph: one definition for training and for serving."""

from __future__ import annotations

import tensorflow as tf


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """Decode one PNG or JPEG (string, scalar) into uint8 (H, W, 3); alpha is dropped, grey repeated.

    Raises:
        tf.errors.InvalidArgumentError: if the bytes are no such image, or are truncated.
    """
    return tf.io.decode_image(encoded, channels=3, expand_animations=False)


def resize_image(image: tf.Tensor, image_size: tuple[int, int]) -> tf.Tensor:
    """Resize uint8 (..., H, W, 3) to (height, width) by antialiased bilinear interpolation, rounded to uint8.

    An image that has the size already comes back unchanged.
    """
    if tuple(image.shape[-3:-1]) == tuple(image_size):
        return image
    resized = tf.image.resize(image, image_size, method="bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)
