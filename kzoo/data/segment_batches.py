"""Pictures with their label maps: examples in memory, and the batches that segmentation learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kzoo.data.images import resize_image
from kzoo.data.layers import LayerArrays
from kzoo.data.pipeline import crop_flip, dataset_options, draw_windows, index_stream
from kzoo.errors import DataError, UsageError

IGNORED = 255


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


def segment_batches(
    examples: SegmentExamples,
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
    images, labels = tf.constant(examples.images), tf.constant(examples.labels)
    size = examples.images.shape[1:3]
    if resize and resize < max(size):
        raise UsageError(f"resize must be {max(size)} or more, the examples' size; received {resize}")

    def batch(positions: tf.Tensor, rows: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        image, label = tf.gather(images, rows), tf.gather(labels, rows)[..., None]
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
