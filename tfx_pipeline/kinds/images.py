"""Labelled images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.data.data_source import DataSource, Split
from tfx_pipeline.examples import CLASS, ID, IMAGE, LABEL, example_of
from tfx_pipeline.kinds.kind import Described, Kind, Wanted
from tfx_pipeline.records import Records
from tfx_pipeline.schemas import add_label, add_one

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class RecordImages(DataSource):
    """Labelled images in records."""

    records: Records

    def _place(self, image_size: tuple[int, int] | None) -> str:
        return ", ".join(str(Path(files[0]).parent) for files in self.records.files.values())

    def _examples(self, split: str, image_size: tuple[int, int] | None) -> tf.data.Dataset:
        import tensorflow as tf

        from kzoo.data.images import decode_image, resize_image

        def example(record: tf.Tensor) -> dict[str, tf.Tensor]:
            string, number = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([], tf.int64)
            one = tf.io.parse_single_example(record, {IMAGE: string, LABEL: number, ID: string})
            image = decode_image(one[IMAGE])
            if image_size is not None:
                image = tf.ensure_shape(resize_image(image, image_size), (*image_size, 3))
            return {"image": image, "label": one[LABEL], "id": one[ID]}

        records = tf.data.Dataset.from_tensor_slices(self.records.serialized(split))
        return records.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


class Images(Kind):
    """Labelled images: beside image, id and class the index of the class, `label`."""

    name = "labelled_images"
    source_type = DataSource

    def examples(self, source: DataSource, split: str, wanted: Wanted) -> Iterator[Any]:
        """Yield one image with its label each, of the size that the source keeps."""
        import tensorflow as tf

        rows = enumerate(source.read(split, image_size=None).as_numpy_iterator())
        for one in (one for row, one in rows if wanted(row)):
            label = int(one["label"])
            yield example_of(
                {
                    IMAGE: [tf.io.encode_png(one["image"]).numpy()],
                    LABEL: [label],
                    CLASS: [source.classes[label]],
                    ID: [one["id"]],
                }
            )

    def schema(self, described: Described) -> schema_pb2.Schema:
        """Return: one image, label, class and id; a label or a class besides those told is an anomaly."""
        schema = schema_pb2.Schema()
        for name in (IMAGE, ID):
            add_one(schema, name, schema_pb2.BYTES)
        add_label(schema, described.classes)
        return schema

    def open(self, described: Described, records: Records) -> RecordImages:
        """Return labelled images."""
        return RecordImages(
            name=described.name,
            classes=tuple(described.classes),
            splits={split: Split(split, len(records.serialized(split))) for split in records.files},
            fingerprint=described.fingerprint,
            licence=described.licence,
            source="spans of a pipeline",
            records=records,
        )
