"""Batches of person pairs: pictures, pose maps, segments and masks, as SwapGAN takes them (section 8.2.2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kzoo.data.people import PersonArrays, PersonPairs
from kzoo.data.people_parts import HEAD_TABLE, MASK_TABLE, SEGMENT_TABLE
from kzoo.data.pipeline import dataset_options, index_stream
from kzoo.data.pose import draw_pose
from kzoo.data.progress import progress_bar
from kzoo.errors import DataError

Batch = dict[str, tf.Tensor]

BATCH_KEYS = (
    "condition",
    "reference",
    "reference_pose",
    "condition_segments",
    "condition_mask",
    "reference_mask",
    "reference_head",
)
TARGET = "target"


def pose_maps(people: PersonArrays) -> np.ndarray:
    """Return the pose map of each picture, uint8 (N, H, W, 3), as `draw_pose` draws it."""
    size = people.images.shape[1:3]
    watched = progress_bar(people.key_points, "pose maps", total=len(people))
    return np.stack([draw_pose(points[None], size) for points in watched])


def swap_batches(pairs: PersonPairs, *, batch_size: int, seed: int, first_step: int = 0) -> tf.data.Dataset:
    """Return an endless data set of batches to learn from, beginning with that of step `first_step`.

    Which of a pair's two pictures is the reference is drawn each time (section 8.2.2).

    Args:
        pairs: of one person in the same clothes each.
        batch_size: over all replicas together.
        seed: of the order and of that draw.
        first_step: the step to begin with.

    Returns:
        ({the seven of BATCH_KEYS}, {}), all float32 (batch_size, H, W, channels): `condition`, `reference`
        and `reference_pose` of 3 channels in [-1, 1]; `condition_segments` of 5, one-hot in the order of
        SEGMENTS and 0 throughout on the background; `condition_mask`, `reference_mask` and `reference_head`
        of 1, 0 or 1.

    Raises:
        DataError: if the pairs are of two persons, or of different clothes.
    """
    if not pairs.same:
        raise DataError("expected pairs of one person in the same clothes; received pairs of two persons")
    read = _reader(pairs, sides=2)

    def batch(positions: tf.Tensor, rows: tf.Tensor) -> tuple[Batch, Batch]:
        return read(rows, _drawn(seed, positions)), {}

    stream = index_stream(len(pairs), seed, first_step * batch_size).batch(batch_size, drop_remainder=True)
    stream = stream.map(batch, num_parallel_calls=2, deterministic=True)
    return stream.prefetch(tf.data.AUTOTUNE).with_options(dataset_options(deterministic=True))


def swap_examples(pairs: PersonPairs, *, batch_size: int) -> tf.data.Dataset:
    """Return the pairs once, in order, as batches of a dict.

    Returns:
        The seven of BATCH_KEYS, as `swap_batches` has them, and, where the true pictures are known, `target`
        float32 (B, H, W, 3) in [-1, 1].
    """
    read = _reader(pairs, sides=1)
    targets = None if pairs.target is None else tf.constant(pairs.target)

    def batch(rows: tf.Tensor) -> Batch:
        inputs = read(rows, tf.zeros_like(rows, tf.bool))
        return inputs if targets is None else {**inputs, TARGET: _signed(tf.gather(targets, rows))}

    data = tf.data.Dataset.range(len(pairs)).batch(batch_size).map(batch, num_parallel_calls=2)
    return data.prefetch(tf.data.AUTOTUNE).with_options(dataset_options(deterministic=True))


def _reader(pairs: PersonPairs, sides: int) -> Callable[[tf.Tensor, tf.Tensor], Batch]:
    """Return the function (rows (B,), exchanged bool (B,)) -> batch.

    Args:
        sides: 2 if a pair may be exchanged: then pose maps of both sides are drawn, else those of references.
    """
    both = (pairs.reference, pairs.condition)
    images = tf.constant(np.concatenate([one.images for one in both]))
    parts = tf.constant(np.concatenate([one.parts for one in both]))
    poses = tf.constant(np.concatenate([pose_maps(one) for one in both[:sides]]))
    count = len(pairs)

    def read(rows: tf.Tensor, exchanged: tf.Tensor) -> Batch:
        reference = rows + count * tf.cast(exchanged, rows.dtype)
        condition = rows + count * tf.cast(~exchanged, rows.dtype)
        condition_parts, reference_parts = tf.gather(parts, condition), tf.gather(parts, reference)
        return {
            "condition": _signed(tf.gather(images, condition)),
            "reference": _signed(tf.gather(images, reference)),
            "reference_pose": _signed(tf.gather(poses, reference)),
            "condition_segments": _grouped(condition_parts, SEGMENT_TABLE),
            "condition_mask": _grouped(condition_parts, MASK_TABLE),
            "reference_mask": _grouped(reference_parts, MASK_TABLE),
            "reference_head": _grouped(reference_parts, HEAD_TABLE),
        }

    return read


def _signed(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels, tf.float32) / 127.5 - 1


def _grouped(parts: tf.Tensor, table: np.ndarray) -> tf.Tensor:
    return tf.gather(tf.constant(table), tf.cast(parts, tf.int32))


def _drawn(seed: int, positions: tf.Tensor) -> tf.Tensor:
    """Draw true or false for each position of the stream, bool (B,)."""

    def draw(position: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform((), seed=tf.stack([tf.constant(seed, tf.int64), position])) < 0.5

    return tf.map_fn(draw, positions, fn_output_signature=tf.bool)
