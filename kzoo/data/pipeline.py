"""From a data source to batches: a stream that is a function of (seed, step), and can start at any step.

Position p of the stream is example `permutation(seed, p // n)[p % n]` of n examples: every pass over the
data has an order of its own, nothing is dropped between passes, and augmentation draws from (seed, p). So
a run that resumes at step s sees what an unbroken run would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.data.data_source import DataSource
from kzoo.data.imagenet import RecordSource
from kzoo.data.images import resize_image
from kzoo.data.record_examples import Reader, RecordExamples
from kzoo.errors import DataError, UsageError
from kzoo.layers.normalization import global_contrast_normalize, subtract_channel_means

NORMALIZATIONS: dict[str, Callable[[Any], Any]] = {
    "global_contrast": global_contrast_normalize,
    "channel_means": subtract_channel_means,
    "none": lambda images: tf.cast(images, "float32"),
}

AUGMENTATIONS = ("none", "pad_crop_flip", "random_crop_flip")


@dataclass(frozen=True)
class Examples:
    """One split in memory: images uint8 (N, H, W, 3), labels int64 (N,), ids (N,)."""

    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Examples:
        """Take the arrays of `DataSource.arrays`.

        Raises:
            DataError: if there are none, or their lengths or dtypes differ from what is expected.
        """
        images, labels, ids = arrays["image"], arrays["label"], arrays["id"]
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise DataError(f"expected uint8 images (N, H, W, 3); received {images.dtype} {images.shape}")
        if not len(images) or not len(images) == len(labels) == len(ids):
            raise DataError(
                f"expected as many labels and ids as images; received "
                f"{len(images)} images, {len(labels)} labels, {len(ids)} ids"
            )
        return cls(images, labels.astype(np.int64), ids)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.images.shape[1:3]

    def reader(self, image_size: tuple[int, int]) -> Reader:
        """Return the function (indices) -> (image uint8 (B, height, width, 3), label int64 (B,))."""
        images, labels = tf.constant(self.images), tf.constant(self.labels)

        def read(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return resize_image(tf.gather(images, indices), image_size), tf.gather(labels, indices)

        return read


def examples_of(source: DataSource, split: str, *, image_size: tuple[int, int]) -> Examples | RecordExamples:
    """Return a split of a source: in memory, or read as it is needed where it is too large for that."""
    if isinstance(source, RecordSource):
        return source.examples(split, image_size=image_size)
    return Examples.of(source.arrays(split, image_size=image_size))


def normalize(images: Any, normalization: str) -> tf.Tensor:
    """Normalise a batch of images (N, H, W, 3), pixels 0 to 255, as a recipe names it; float32."""
    if normalization not in NORMALIZATIONS:
        raise UsageError(f"normalization must be one of {sorted(NORMALIZATIONS)}; received {normalization!r}")
    return NORMALIZATIONS[normalization](tf.cast(images, "float32"))


def training_batches(
    examples: Examples | RecordExamples,
    *,
    batch_size: int,
    seed: int,
    normalization: str,
    augmentation: str = "none",
    padding: int = 4,
    resize: int | None = None,
    first_step: int = 0,
    deterministic: bool = True,
) -> tf.data.Dataset:
    """Return an endless data set of (image, label) batches, beginning with that of step `first_step`.

    Args:
        examples: what is drawn from.
        batch_size: over all replicas together.
        seed: of the order and of the augmentation.
        normalization: one of NORMALIZATIONS.
        augmentation: "none", or "pad_crop_flip": pad with zeros (after normalisation), crop at random to
            the old size, flip left-right in half of the cases; the starred columns of table 2.3. Or
            "random_crop_flip": scale to `resize` a side, crop at random to the network's size, flip
            (section 2.4.2); images held in memory are scaled up for it.
        padding: pixels on each side, for "pad_crop_flip".
        resize: pixels a side, for "random_crop_flip".
        first_step: the step to begin with.
        deterministic: keep the order whatever the timing of the parallel parts.

    Returns:
        Batches of image float32 (batch_size, H, W, 3) and label int64 (batch_size,). Under
        tf.distribute each worker gets its part of every batch (AutoShardPolicy.DATA).
    """
    size = examples.image_size
    read_size = (resize, resize) if resize else size
    read = examples.reader(read_size)

    def batch(positions: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, label = read(indices)
        image = normalize(image, normalization)
        if augmentation == "pad_crop_flip":
            image = tf.pad(image, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
        if augmentation != "none":
            image = crop_flip(image, draw_windows(seed, positions, image, size), size)
        return tf.ensure_shape(image, (None, *size, 3)), label

    if normalization not in NORMALIZATIONS:
        raise UsageError(f"normalization must be one of {sorted(NORMALIZATIONS)}; received {normalization!r}")
    if augmentation not in AUGMENTATIONS:
        raise UsageError(f"augmentation must be one of {AUGMENTATIONS}; received {augmentation!r}")
    if (augmentation == "random_crop_flip") != (resize is not None) or (resize and resize < max(size)):
        raise UsageError(
            f"random_crop_flip, and it alone, needs resize, at least {max(size)}; received {augmentation!r} "
            f"with resize={resize}"
        )
    stream = index_stream(len(examples), seed, first_step * batch_size).batch(batch_size, drop_remainder=True)
    stream = stream.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=deterministic)
    return stream.prefetch(tf.data.AUTOTUNE).with_options(dataset_options(deterministic))


def evaluation_batches(
    examples: Examples | RecordExamples, *, batch_size: int, normalization: str
) -> tf.data.Dataset:
    """Return the examples once, in order, as batches of (normalised image float32, label int64)."""
    read = examples.reader(examples.image_size)

    def batch(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, label = read(indices)
        return normalize(image, normalization), label

    data = tf.data.Dataset.range(len(examples)).batch(batch_size)
    data = data.map(batch, num_parallel_calls=tf.data.AUTOTUNE)
    return data.prefetch(tf.data.AUTOTUNE).with_options(dataset_options(deterministic=True))


def indices_of_step(count: int, *, batch_size: int, seed: int, step: int) -> np.ndarray:
    """Return which of `count` examples the batch of a step holds, int64 (batch_size,)."""
    stream = index_stream(count, seed, step * batch_size).batch(batch_size)
    _, indices = next(iter(stream))
    return indices.numpy()


def crop_flip(
    images: tf.Tensor, draws: tuple[tf.Tensor, tf.Tensor, tf.Tensor], size: tuple[int, int]
) -> tf.Tensor:
    """Cut a window out of each image, and flip it where drawn.

    Args:
        images: float (N, H, W, C).
        draws: top int32 (N,) in 0..H - height, left int32 (N,) in 0..W - width, flip bool (N,).
        size: (height, width) of the window.

    Returns:
        (N, height, width, C), the dtype of `images`.
    """
    top, left, flip = draws
    height, width = size
    rows = top[:, None] + tf.range(height)
    columns = left[:, None] + tf.where(flip[:, None], tf.range(width)[::-1], tf.range(width))
    cropped = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.transpose(
        tf.gather(tf.transpose(cropped, (0, 2, 1, 3)), columns, axis=1, batch_dims=1), (0, 2, 1, 3)
    )


def index_stream(count: int, seed: int, start: int) -> tf.data.Dataset:
    """Return (position, index) int64 from `start` on, endlessly; each pass in an order of its own."""

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count, dtype=tf.int64), seed=tf.stack([tf.constant(seed, tf.int64), number])
        )
        return tf.data.Dataset.from_tensor_slices((number * count + tf.range(count, dtype=tf.int64), order))

    passes = tf.data.Dataset.counter(start=start // count)
    return passes.flat_map(one_pass).skip(start % count)


def draw_windows(
    seed: int, positions: tf.Tensor, images: tf.Tensor, size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Draw a window of `size` in each image and whether to flip it, as `crop_flip` takes them.

    Args:
        seed: with a position it decides the draw.
        positions: int64 (N,), of the images in the stream.
        images: (N, H, W, C), of which the size is taken.
        size: (height, width) of the windows.
    """

    def draw(position: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform(
            (3,), seed=tf.stack([tf.constant(seed, tf.int64), position]), minval=0, maxval=1
        )

    uniform = tf.map_fn(draw, positions, fn_output_signature=tf.float32)
    places = tf.constant([images.shape[1] - size[0] + 1, images.shape[2] - size[1] + 1], tf.float32)
    offsets = tf.cast(tf.floor(uniform[:, :2] * places), tf.int32)
    return offsets[:, 0], offsets[:, 1], uniform[:, 2] < 0.5


def dataset_options(deterministic: bool) -> tf.data.Options:
    """Return options by which each worker gets its part of every batch (AutoShardPolicy.DATA)."""
    options = tf.data.Options()
    options.deterministic = deterministic
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return options
