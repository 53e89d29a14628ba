"""Batches of two domains that nothing pairs: each is drawn in an order of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kzoo.data.domains import DomainExamples
from kzoo.data.images import resize_image
from kzoo.data.pipeline import crop_flip, dataset_options, draw_windows, index_stream
from kzoo.errors import UsageError

OTHER_ORDER = 1_000_003
Batch = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def unpaired_batches(
    examples: DomainExamples,
    *,
    batch_size: int,
    seed: int,
    augmentation: str = "none",
    resize: int | None = None,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Return an endless data set of batches, beginning with that of step `first_step`.

    An epoch is one pass over the larger domain; of the other as much is seen, in passes of its own.

    Args:
        examples: what is drawn from.
        batch_size: pictures of each domain, over all replicas together.
        seed: of the order of the larger domain; that of the other follows from it.
        augmentation: "none", or "random_crop_flip": scale to `resize` a side, cut out the size that the
            examples have, flip left-right in half of the cases, each domain by draws of its own.
        resize: pixels a side, for "random_crop_flip".
        first_step: the step to begin with.

    Returns:
        ({"a": float32 (B, H, W, 3), "b": float32 (B, H, W, 3)}, {}), pixels in [-1, 1].

    Raises:
        UsageError: for another augmentation, or a `resize` that does not go with it.
    """
    if augmentation not in ("none", "random_crop_flip"):
        raise UsageError(f"two domains are augmented by none or random_crop_flip; received {augmentation!r}")
    smallest = max(examples.image_size)
    if (augmentation == "none") != (resize is None) or (resize and resize < smallest):
        raise UsageError(f"random_crop_flip needs resize, at least {smallest}; received {resize}")
    seeds = (seed, seed + OTHER_ORDER)
    seed_a, seed_b = seeds if len(examples.a) >= len(examples.b) else seeds[::-1]
    streams = tuple(
        index_stream(len(images), one, first_step * batch_size)
        .batch(batch_size, drop_remainder=True)
        .map(_reader(images, one, resize), num_parallel_calls=2, deterministic=True)
        for images, one in ((examples.a, seed_a), (examples.b, seed_b))
    )
    both = tf.data.Dataset.zip(streams).map(lambda a, b: ({"a": a, "b": b}, {}))
    return both.prefetch(tf.data.AUTOTUNE).with_options(dataset_options(deterministic=True))


def _reader(images: np.ndarray, seed: int, resize: int | None) -> Batch:
    kept, size = tf.constant(images), images.shape[1:3]

    def read(positions: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        image = tf.gather(kept, indices)
        if resize is not None:
            image = resize_image(image, (resize, resize))
        image = tf.cast(image, tf.float32) / 127.5 - 1
        if resize is not None:
            image = crop_flip(image, draw_windows(seed, positions, image, size), size)
        return tf.ensure_shape(image, (None, *size, 3))

    return read
