"""Features of a tf.train.Example: the names that spans use, how they are written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ID, IMAGE, CLASS, LABEL = "id", "image_bytes", "class", "label"
SPLITS = ("train", "validation", "eval")
"""The splits of a span: to train on, to keep the best epoch by, and to decide on blessing."""

Value = Sequence[bytes] | Sequence[str] | Sequence[int] | Sequence[float]


def example_of(features: Mapping[str, Value]) -> Any:
    """Return a tf.train.Example: strings and bytes, whole numbers, and fractions, each a list."""
    import tensorflow as tf

    return tf.train.Example(
        features=tf.train.Features(feature={name: _feature(values) for name, values in features.items()})
    )


def byte_values(features: Any, name: str) -> list[bytes]:
    """Return a feature of bytes; [] where there is none."""
    return list(features[name].bytes_list.value) if name in features else []


def strings(features: Any, name: str) -> list[str]:
    """Return a feature of strings; [] where there is none."""
    return [value.decode("utf-8") for value in byte_values(features, name)]


def _feature(values: Value) -> Any:
    import tensorflow as tf

    if all(isinstance(value, str | bytes) for value in values):
        encoded = [value.encode() if isinstance(value, str) else value for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
    if all(isinstance(value, int) for value in values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))
