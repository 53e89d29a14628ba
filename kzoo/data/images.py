"""Decoding and resizing of images in a TensorFlow graph: one definition for training and for serving.

PNG, JPEG, GIF and BMP are told by their first bytes. How many pixels an image will have is read from its
header and checked before it is decoded, so that a small file cannot ask for gigabytes:

- PNG and JPEG say their size in the header; more than MAX_PIXELS is refused.
- A BMP is not compressed; its decoder checks the size that it says against the bytes that are there.
- A GIF's frames are all unpacked before the first one is given, and each has a size of its own. One byte
  unpacks to at most 2,730 pixels, so files over MAX_GIF_BYTES are refused.

Not checked: the time that a progressive JPEG of very many scans takes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import tensorflow as tf

MAX_PIXELS = 1 << 25
MAX_GIF_BYTES = 1 << 16
FORMATS = "PNG, JPEG, GIF or BMP"

_HEADER_BYTES = 32
_SIGNATURES = (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff", b"GIF8", b"BM")
_WHITE = 255
_PARALLEL_DECODERS = 4
_ASSERTION = "assertion failed: "


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """Decode one image (string, scalar) into uint8 (H, W, 3).

    Grey and palette images become RGB, 16-bit channels 8-bit; a PNG with transparency is laid over white; of
    a GIF the first frame is taken; a BMP has 24 or 32 bits a pixel, and its fourth channel is dropped.

    Raises:
        tf.errors.InvalidArgumentError: if the bytes are no such image, are truncated, or are more than
            MAX_PIXELS or MAX_GIF_BYTES.
    """
    encoded = tf.convert_to_tensor(encoded, tf.string)
    header = tf.cast(tf.io.decode_raw(encoded, tf.uint8, fixed_length=_HEADER_BYTES), tf.int32)
    found = tf.stack([tf.reduce_all(header[: len(start)] == list(start)) for start in _SIGNATURES])
    first = tf.argmax(tf.cast(found, tf.int32), output_type=tf.int32)
    kind = tf.where(tf.reduce_any(found), first, len(_SIGNATURES))
    image = tf.switch_case(
        kind,
        [
            lambda: _decode_png(encoded, header),
            lambda: _decode_jpeg(encoded),
            lambda: _decode_gif(encoded),
            lambda: _decode_bmp(encoded, header),
            lambda: _refuse(header),
        ],
    )
    return tf.ensure_shape(image, (None, None, 3))


def resize_image(image: tf.Tensor, image_size: tuple[int, int]) -> tf.Tensor:
    """Resize uint8 (..., H, W, 3) to (height, width) by antialiased bilinear interpolation, rounded to uint8.

    An image that has the size already comes back unchanged.
    """
    if tuple(image.shape[-3:-1]) == tuple(image_size):
        return image
    resized = tf.image.resize(image, image_size, method="bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)


def decode_images(image_bytes: tf.Tensor, image_size: tuple[int, int]) -> tf.Tensor:
    """Decode and resize a batch of encoded images as `decode_image` and `resize_image` do each.

    Args:
        image_bytes: string (N,), each an encoded image; they may differ in format and size. N may be 0.
        image_size: (height, width) of the result.

    Returns:
        float32 (N, height, width, 3), whole numbers 0 to 255: what training reads of the same files.

    Raises:
        tf.errors.InvalidArgumentError: if images cannot be decoded; the message names their rows.
    """
    if not tf.executing_eagerly():
        return _decode_images(image_bytes, image_size)
    try:
        return _compiled_for(tuple(image_size))(image_bytes)
    except tf.errors.InvalidArgumentError as error:
        said = error.message.partition(_ASSERTION)[2].partition("\n")[0]  # what else it says is of the graph
        raise tf.errors.InvalidArgumentError(None, None, said or error.message) from None


@cache
def _compiled_for(image_size: tuple[int, int]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return `decode_images` as a function that is traced once for all calls outside a graph."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def decode_images_of(image_bytes: tf.Tensor) -> tf.Tensor:
        return _decode_images(image_bytes, image_size)

    compiled: Callable[[tf.Tensor], tf.Tensor] = decode_images_of
    return compiled


def _decode_images(image_bytes: tf.Tensor, image_size: tuple[int, int]) -> tf.Tensor:
    count = tf.size(image_bytes, out_type=tf.int64)
    pixels = (*image_size, 3)

    def decode(row: tf.Tensor, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return row, tf.ensure_shape(resize_image(decode_image(encoded), image_size), pixels)

    # A data set, because its `ignore_errors` is the one place where a graph outlives an op that fails: what
    # is missing at the end tells the rows. The row after the last keeps the data set from being empty.
    rows = tf.data.Dataset.from_tensor_slices((tf.range(count), image_bytes))
    decoded = rows.map(decode, num_parallel_calls=_PARALLEL_DECODERS, deterministic=True).ignore_errors()
    after_last = tf.data.Dataset.from_tensors((count, tf.zeros(pixels, tf.uint8)))
    batch = decoded.concatenate(after_last).batch(count + 1).with_options(_without_tuning())
    good, images = batch.get_single_element()
    bad = tf.sparse.to_dense(tf.sets.difference(tf.range(count)[None], good[None]))[0]
    expected = f"whole {FORMATS} images of at most {MAX_PIXELS} pixels, GIF of at most {MAX_GIF_BYTES} bytes"
    message = tf.strings.format(
        "cannot decode the images in rows {} of a batch of {}; expected " + expected, (bad, count)
    )
    with tf.control_dependencies([tf.debugging.Assert(tf.size(bad) == 0, [message])]):
        return tf.cast(images[:-1], tf.float32)


def _without_tuning() -> tf.data.Options:
    """Spare the short-lived data set of one request what a training set needs."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options


def _decode_png(encoded: tf.Tensor, header: tf.Tensor) -> tf.Tensor:
    with _size_checked(width=_big_endian(header[16:20]), height=_big_endian(header[20:24])):
        image = tf.cast(tf.io.decode_png(encoded, channels=4), tf.int32)
    colour, opacity = image[..., :3], image[..., 3:]
    over_white = colour * opacity + _WHITE * (_WHITE - opacity)
    return tf.cast((over_white + _WHITE // 2) // _WHITE, tf.uint8)


def _decode_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    shape = tf.cast(tf.io.extract_jpeg_shape(encoded), tf.int64)
    with _size_checked(width=shape[1], height=shape[0]):
        return tf.io.decode_jpeg(encoded, channels=3)


def _decode_gif(encoded: tf.Tensor) -> tf.Tensor:
    length = tf.strings.length(encoded)
    small = length <= MAX_GIF_BYTES
    with _checked(small, f"expected a GIF of at most {MAX_GIF_BYTES} bytes; received", length):
        image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    shape = tf.shape(image, tf.int64)
    with _size_checked(width=shape[1], height=shape[0]):
        return tf.identity(image)


def _decode_bmp(encoded: tf.Tensor, header: tf.Tensor) -> tf.Tensor:
    bits = header[28] + 256 * header[29]
    with _checked(tf.reduce_any(bits == [24, 32]), "expected a BMP of 24 or 32 bits a pixel; received", bits):
        image = tf.io.decode_bmp(encoded)
    return image[..., :3]


def _refuse(header: tf.Tensor) -> tf.Tensor:
    with _checked(False, f"expected a {FORMATS} image; received bytes that begin with", header[:8]):
        return tf.zeros((0, 0, 3), tf.uint8)


def _size_checked(*, width: tf.Tensor, height: tf.Tensor) -> AbstractContextManager[None]:
    fits = (width * height > 0) & (width * height <= MAX_PIXELS)
    return _checked(fits, f"expected at most {MAX_PIXELS} pixels; received width, height", (width, height))


def _checked(condition: Any, expected: str, received: Any) -> AbstractContextManager[None]:
    """Let what is built in this context run only if `condition` holds, in a graph as well as eagerly."""
    return tf.control_dependencies([tf.debugging.Assert(condition, [expected, received])])


def _big_endian(four_bytes: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(four_bytes, tf.int64) * [1 << 24, 1 << 16, 1 << 8, 1])
