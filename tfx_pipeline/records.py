"""The examples that a TFX component reads, as a source that kzoo trains and evaluates on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kzoo.data.data_source import DataSource, Split
from tfx_pipeline.spans import ID, IMAGE, LABEL

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class RecordFiles(DataSource):
    """Labelled images in files of tf.train.Example, as `tfx_pipeline.spans` writes them.

    Attributes:
        files: of each split, gzipped TFRecord files. Their order does not matter: examples come by their id.
    """

    files: Mapping[str, Sequence[str]]

    def _place(self, image_size: tuple[int, int] | None) -> str:
        return ", ".join(str(Path(files[0]).parent) for files in self.files.values())

    def _examples(self, split: str, image_size: tuple[int, int] | None) -> tf.data.Dataset:
        import tensorflow as tf

        from kzoo.data.images import decode_image, resize_image

        serialized = sorted(
            tf.data.TFRecordDataset(list(self.files[split]), "GZIP").as_numpy_iterator(), key=_id
        )

        def example(record: tf.Tensor) -> dict[str, tf.Tensor]:
            string, number = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([], tf.int64)
            one = tf.io.parse_single_example(record, {IMAGE: string, LABEL: number, ID: string})
            image = decode_image(one[IMAGE])
            if image_size is not None:
                image = tf.ensure_shape(resize_image(image, image_size), (*image_size, 3))
            return {"image": image, "label": one[LABEL], "id": one[ID]}

        records = tf.data.Dataset.from_tensor_slices(serialized)
        return records.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def encoded(self, split: str, count: int) -> list[bytes]:
        """Return the encoded images of the first `count` examples of a split."""
        import tensorflow as tf

        records = tf.data.TFRecordDataset(list(self.files[split]), "GZIP").take(count)
        return [_feature(record, IMAGE) for record in records.as_numpy_iterator()]


def open_records(
    files: Mapping[str, Sequence[str]], classes: Sequence[str], *, name: str, fingerprint: str, licence: str
) -> RecordFiles:
    """Return the examples of files, counted.

    Args:
        files: of each split, gzipped TFRecord files.
        classes: names of the labels.
        name, fingerprint, licence: of the data that they come from.
    """
    import tensorflow as tf

    splits = {}
    for split, paths in files.items():
        count = sum(1 for _ in tf.data.TFRecordDataset(list(paths), "GZIP"))
        splits[split] = Split(split, count)
    return RecordFiles(
        name=name,
        classes=tuple(classes),
        splits=splits,
        fingerprint=fingerprint,
        licence=licence,
        source="spans of a pipeline",
        files=files,
    )


def _id(record: bytes) -> bytes:
    return _feature(record, ID)


def _feature(record: bytes, name: str) -> bytes:
    import tensorflow as tf

    value: bytes = tf.train.Example.FromString(record).features.feature[name].bytes_list.value[0]
    return value
