"""Pictures with their label maps, in memory or on disk, and the batches that segmentation learns from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from kzoo.data.images import decode_image, resize_image
from kzoo.data.layers import LayerArrays
from kzoo.data.pipeline import crop_flip, dataset_options, draw_windows, index_stream
from kzoo.data.record_examples import RecordIds, Records
from kzoo.errors import DataError, UsageError

IGNORED = 255

Reader = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclass(frozen=True)
class SegmentExamples:
    """A split in memory.

    Attributes:
        images: uint8 (N, H, W, 3).
        labels: uint8 (N, H, W), indices of `classes`, or 255 for pixels that count for nothing.
        classes: names.
        ids: str (N,).
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    ids: np.ndarray

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if not len(images) or images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise DataError(
                f"expected uint8 images (N, H, W, 3), one or more; received {images.dtype} {images.shape}"
            )
        if labels.shape != images.shape[:3] or labels.dtype != np.uint8:
            raise DataError(
                f"a label map is uint8 and of the size of its image; received images {images.shape} and "
                f"label maps {labels.dtype} {labels.shape}"
            )
        wrong = (labels >= len(self.classes)) & (labels != IGNORED)
        if wrong.any():
            row = int(np.argwhere(wrong)[0, 0])
            raise DataError(
                f"label map {str(self.ids[row])!r} has label {labels[row][wrong[row]][0]}; expected 0 to "
                f"{len(self.classes) - 1} ({', '.join(self.classes)}), or {IGNORED} for pixels left out"
            )

    @classmethod
    def of(cls, arrays: LayerArrays, classes: Sequence[str]) -> SegmentExamples:
        """Take pictures and label maps.

        Raises:
            DataError: if there is none, a map has another size than its picture, or a label no class.
        """
        return cls(arrays.color, arrays.labels, tuple(classes), arrays.ids)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.images.shape[1:3]

    def reader(self) -> Reader:
        """Return the function (rows) -> (images uint8 (B, H, W, 3), labels uint8 (B, H, W))."""
        images, labels = tf.constant(self.images), tf.constant(self.labels)
        return lambda rows: (tf.gather(images, rows), tf.gather(labels, rows))

    def parts(self, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield images and labels in order, `count` at a time."""
        for first in range(0, len(self), count):
            yield self.images[first : first + count], self.labels[first : first + count]


@dataclass(frozen=True)
class SegmentRecords:
    """A split on disk, in place of `SegmentExamples`; each example is padded to one size when it is read.

    Padding is at the right and below, black and ignored.

    Attributes:
        records: dictionaries of "image" and "labels", encoded, and "name".
        classes: names.
        size: (height, width), which none exceeds.
    """

    records: Records = field(repr=False)
    classes: tuple[str, ...]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def ids(self) -> RecordIds:
        """The names, read when they are asked for."""
        return RecordIds(self.records, "name")

    def reader(self) -> Reader:
        """Return the function (rows) -> (images uint8 (B, H, W, 3), labels uint8 (B, H, W)).

        It raises tf.errors.InvalidArgumentError for what cannot be decoded, for a label map of another size
        than its image, and for an image larger than `size`.
        """

        def decoded(encoded: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            image, labels = decode_image(encoded[0]), tf.io.decode_png(encoded[1], channels=1)
            found, expected = tf.shape(image)[:2], tf.constant(self.size)
            same, fits = tf.reduce_all(tf.shape(labels)[:2] == found), tf.reduce_all(found <= expected)
            sizes = [found, tf.shape(labels)[:2]]
            checks = [
                tf.debugging.Assert(same, ["a label map is of another size than its image", *sizes]),
                tf.debugging.Assert(fits, [f"an image is larger than {self.size}", *sizes]),
            ]
            with tf.control_dependencies(checks):
                border = tf.pad((expected - found)[:, None], [[0, 1], [1, 0]])
            image, labels = tf.pad(image, border), tf.pad(labels, border, constant_values=IGNORED)
            return tf.ensure_shape(image, (*self.size, 3)), tf.ensure_shape(labels[..., 0], self.size)

        def read(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            encoded = tf.numpy_function(self._read, [rows], (tf.string, tf.string))
            known = tuple(tf.ensure_shape(one, (None,)) for one in encoded)
            return tf.map_fn(decoded, known, fn_output_signature=(tf.uint8, tf.uint8))

        return read

    def parts(self, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield images and labels in order, `count` at a time."""
        rows = tf.data.Dataset.range(len(self)).batch(count)
        yield from rows.map(self.reader(), num_parallel_calls=2).prefetch(2).as_numpy_iterator()

    def _read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = self.records.__getitems__([int(row) for row in rows])
        images, labels = (np.array([one[name] for one in found], object) for name in ("image", "labels"))
        return images, labels


def segment_batches(
    examples: SegmentExamples | SegmentRecords,
    *,
    batch_size: int,
    seed: int,
    augmentation: str = "none",
    padding: int = 4,
    resize: int | None = None,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Return an endless data set of batches, beginning with that of step `first_step`.

    Image and label map are cropped and flipped alike. What padding adds is black, and ignored.

    Args:
        examples: what is drawn from.
        batch_size: over all replicas together.
        seed: of the order and of the augmentation.
        augmentation: "none"; "pad_crop_flip", which pads and crops to the old size; or "random_crop_flip",
            which scales to `resize` a side, label maps by the nearest, and crops.
        padding: pixels on each side, for "pad_crop_flip".
        resize: pixels a side, for "random_crop_flip"; the examples' size or more.
        first_step: the step to begin with.

    Returns:
        ({"image": float32 (B, H, W, 3), 0 to 255}, {"labels": uint8 (B, H, W)}).

    Raises:
        UsageError: if `resize` is smaller than the examples.
    """
    read, size = examples.reader(), examples.size
    if resize and resize < max(size):
        raise UsageError(f"resize must be {max(size)} or more, the examples' size; received {resize}")

    def batch(positions: tf.Tensor, rows: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        image, label = read(rows)
        label = label[..., None]
        if resize:
            image = resize_image(image, (resize, resize))
            label = tf.image.resize(label, (resize, resize), method="nearest")
        image, label = tf.cast(image, tf.float32), tf.cast(label, tf.float32)
        if augmentation == "pad_crop_flip":
            border = [[0, 0], *[[padding] * 2] * 2, [0, 0]]
            image, label = tf.pad(image, border), tf.pad(label, border, constant_values=IGNORED)
        if augmentation != "none":
            both = tf.concat([image, label], axis=-1)
            both = crop_flip(both, draw_windows(seed, positions, both, size), size)
            image, label = both[..., :3], both[..., 3:]
        label = tf.ensure_shape(tf.cast(label[..., 0], tf.uint8), (None, *size))
        return {"image": tf.ensure_shape(image, (None, *size, 3))}, {"labels": label}

    stream = index_stream(len(examples), seed, first_step * batch_size).batch(batch_size, drop_remainder=True)
    stream = stream.map(batch, num_parallel_calls=2, deterministic=True)
    return stream.prefetch(tf.data.AUTOTUNE).with_options(dataset_options(deterministic=True))
