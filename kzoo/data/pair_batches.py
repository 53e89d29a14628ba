"""Batches of image-text pairs: features in memory, drawn caption by caption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kzoo.data.pipeline import dataset_options, index_stream
from kzoo.errors import DataError


@dataclass(frozen=True)
class Pairs:
    """A split of image-text data in memory; an example is a caption with its image.

    Attributes:
        arrays: as `PairSource.arrays` gives them: image float32 (N, K), text float32 (M, L), image_index
            int64 (M,), perhaps label int64 (N,) or float32 (N, C), and names.
        ids: str (M,), names of the captions.
    """

    arrays: Mapping[str, np.ndarray]
    ids: np.ndarray

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Pairs:
        """Take the arrays of `PairSource.arrays`.

        Raises:
            DataError: if lengths do not agree, or there is no caption.
        """
        image, text, image_index = arrays["image"], arrays["text"], arrays["image_index"]
        if not len(text) or len(text) != len(image_index):
            raise DataError(
                f"expected one caption or more, each with the index of its image; received {len(text)} "
                f"captions and {len(image_index)} indices"
            )
        if image_index.min() < 0 or image_index.max() >= len(image):
            raise DataError(f"expected image indices of 0 to {len(image) - 1}; received {image_index.max()}")
        names = arrays["image_id"][image_index]
        return cls(arrays, np.array([f"{name}#{number}" for number, name in enumerate(names)]))

    def __len__(self) -> int:
        return len(self.ids)


def pair_batches(pairs: Pairs, *, batch_size: int, seed: int, first_step: int = 0) -> tf.data.Dataset:
    """Return an endless data set of batches of pairs, beginning with that of step `first_step`.

    Returns:
        ({"image": float32 (B, K), "text": float32 (B, L)}, {"image_index": int64 (B,), "label": ...}); rows
        with the same image_index are captions of one image. "label" is there where the data have labels.
    """
    image, text = tf.constant(pairs.arrays["image"]), tf.constant(pairs.arrays["text"])
    image_index = tf.constant(pairs.arrays["image_index"])
    label = tf.constant(pairs.arrays["label"]) if "label" in pairs.arrays else None

    def batch(captions: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        images = tf.gather(image_index, captions)
        targets = {"image_index": images}
        if label is not None:
            targets["label"] = tf.gather(label, images)
        return {"image": tf.gather(image, images), "text": tf.gather(text, captions)}, targets

    stream = index_stream(len(pairs), seed, first_step * batch_size).map(lambda _, caption: caption)
    stream = stream.batch(batch_size, drop_remainder=True).map(
        batch, num_parallel_calls=2, deterministic=True
    )
    return stream.prefetch(tf.data.AUTOTUNE).with_options(dataset_options(deterministic=True))
