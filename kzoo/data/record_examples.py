"""Splits too large for memory: examples read one by one, by their index, from the records on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from kzoo.data.images import decode_image, resize_image
from kzoo.errors import DataError

Reader = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Records(Protocol):
    """Random access to the undecoded examples of a split, as TFDS gives it over ArrayRecord files."""

    def __len__(self) -> int: ...
    def __getitems__(self, indices: Sequence[int]) -> Sequence[dict[str, Any]]: ...


@dataclass(frozen=True)
class RecordExamples:
    """One split on disk, in place of `kzoo.data.pipeline.Examples`.

    Attributes:
        records: dictionaries of "image" (encoded bytes), "label" and an id.
        image_size: (height, width) that images are resized to, unless a reader is asked for another.
        id_feature: which entry is the id.
        name: of the split, for errors.
    """

    records: Records = field(repr=False)
    image_size: tuple[int, int]
    id_feature: str
    name: str

    def __len__(self) -> int:
        return len(self.records)

    @property
    def ids(self) -> RecordIds:
        """The ids, read when they are asked for."""
        return RecordIds(self.records, self.id_feature)

    def reader(self, image_size: tuple[int, int]) -> Reader:
        """Return the function (indices) -> (image uint8 (B, height, width, 3), label int64 (B,)).

        It raises tf.errors.OpError for a record that cannot be read or whose image cannot be decoded.
        """

        def decoded(encoded: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(resize_image(decode_image(encoded), image_size), (*image_size, 3))

        def read(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            encoded, labels = tf.numpy_function(self._read, [indices], (tf.string, tf.int64))
            images = tf.map_fn(decoded, tf.ensure_shape(encoded, (None,)), fn_output_signature=tf.uint8)
            return images, tf.ensure_shape(labels, (None,))

        return read

    def _read(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = self.records.__getitems__([int(index) for index in indices])
        if len(found) != len(indices):
            raise DataError(f"{self.name}: {len(found)} records read, {len(indices)} expected")
        images = np.array([one["image"] for one in found], dtype=object)
        return images, np.array([one["label"] for one in found], np.int64)


@dataclass(frozen=True)
class RecordIds:
    """The ids of a split by index."""

    records: Records
    id_feature: str

    def __getitem__(self, indices: np.ndarray) -> list[str]:
        found = self.records.__getitems__([int(index) for index in indices])
        return [tf.compat.as_str(one[self.id_feature]) for one in found]


def read_in_order(records: Records, id_feature: str, image_size: tuple[int, int] | None) -> tf.data.Dataset:
    """Return the examples as {"image": uint8 (H, W, 3), "label": int64 (), "id": string ()}.

    Args:
        records: as of `RecordExamples`.
        id_feature: which entry is the id.
        image_size: (height, width) that images are resized to; None keeps each as it is.
    """

    def read(index: np.ndarray) -> tuple[bytes, np.int64, bytes]:
        (found,) = records.__getitems__([int(index)])
        return found["image"], np.int64(found["label"]), tf.compat.as_bytes(found[id_feature])

    def example(index: tf.Tensor) -> dict[str, tf.Tensor]:
        encoded, label, name = tf.numpy_function(read, [index], (tf.string, tf.int64, tf.string))
        image = decode_image(tf.ensure_shape(encoded, ()))
        return {
            "image": image
            if image_size is None
            else tf.ensure_shape(resize_image(image, image_size), (*image_size, 3)),
            "label": tf.ensure_shape(label, ()),
            "id": tf.ensure_shape(name, ()),
        }

    return tf.data.Dataset.range(len(records)).map(example, num_parallel_calls=tf.data.AUTOTUNE)
