"""Images and their captions, with the features that encoders made of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.data.data_source import Split
from kzoo.data.encoders import FITTED, Encoder, family_of, find_encoder
from kzoo.data.pairs import PairSource, joined
from kzoo.errors import DataError, UnknownNameError, UsageError
from tfx_pipeline.examples import CLASS, ID, IMAGE, LABEL, example_of, strings
from tfx_pipeline.kinds.kind import Described, Kind, Wanted
from tfx_pipeline.records import Records
from tfx_pipeline.schemas import add_label, add_one, add_some

if TYPE_CHECKING:
    import numpy as np

CAPTIONS, IMAGE_FEATURES, TEXT_FEATURES = "captions", "image_features", "text_features"


@dataclass(frozen=True, kw_only=True)
class RecordPairs:
    """Pairs of features in records; it answers as `kzoo.data.pairs.PairSource` does."""

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str = "spans of a pipeline"
    image_encoder: Encoder
    text_encoder: Encoder
    multi_label: bool
    records: Records

    def arrays(self, split: str) -> dict[str, np.ndarray]:
        """Return a split in memory, as `PairSource.arrays`.

        Raises:
            UnknownNameError: if there is no such split.
            DataError: if features have another dimension than the encoder or are not finite.
        """
        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        rows = [self._row(features) for features in self.records.features(split)]
        return joined(rows, len(self.classes), multi_label=self.multi_label)

    def _row(self, features: Any) -> dict[str, Any]:
        import numpy as np

        (identity,), captions = strings(features, ID), strings(features, CAPTIONS)
        image = np.array(features[IMAGE_FEATURES].float_list.value, np.float32)
        text = np.array(features[TEXT_FEATURES].float_list.value, np.float32)
        expected = self.image_encoder.dimension, len(captions) * self.text_encoder.dimension
        if (image.size, text.size) != expected or not np.isfinite(np.concatenate([image, text])).all():
            raise DataError(
                f"{self.name}: {identity} has {image.size} image features and {text.size} text features of "
                f"{len(captions)} captions; expected {expected[0]} and {expected[1]}, all finite"
            )
        return {
            "image_id": identity,
            "captions": captions,
            "label": list(features[LABEL].int64_list.value),
            "image": image,
            "text": text.reshape(len(captions), -1),
        }


class CaptionedPairs(Kind):
    """Captioned images with features: captions, label (one, or in multi-label data any number), features."""

    name = "captioned_pairs"
    source_type = PairSource

    def facts(self, source: PairSource) -> dict[str, Any]:
        """Return the names of the encoders, and whether there are several labels an image.

        Raises:
            UsageError: for an encoder that is fitted to its data: spans would not agree.
        """
        name = source.text_encoder.name
        if family_of(source.text_encoder) in FITTED:
            raise UsageError(f"{name} is fitted to its data; spans need an encoder that stays as it is")
        return {
            "image_encoder": source.image_encoder.name,
            "text_encoder": name,
            "multi_label": source.encoding.source.multi_label,
        }

    def examples(self, source: PairSource, split: str, wanted: Wanted) -> Iterator[Any]:
        """Yield one image with its captions and the features of both each."""
        arrays = source.arrays(split)
        rows = enumerate(source.encoding.source.images(split))
        for row, image in ((row, image) for row, image in rows if wanted(row)):
            if image.id != arrays["image_id"][row]:
                raise DataError(f"{source.name}: features of {arrays['image_id'][row]} stand at {image.id}")
            text = arrays["text"][arrays["image_index"] == row]
            yield example_of(
                {
                    ID: [image.id],
                    IMAGE: [image.image_bytes()],
                    CAPTIONS: list(image.captions),
                    LABEL: list(image.labels),
                    CLASS: [source.classes[label] for label in image.labels],
                    IMAGE_FEATURES: arrays["image"][row].tolist(),
                    TEXT_FEATURES: text.ravel().tolist(),
                }
            )

    def schema(self, described: Described) -> schema_pb2.Schema:
        """Return: one image and id, features, one caption or more; labels and classes among those told."""
        schema = schema_pb2.Schema()
        for name in (IMAGE, ID):
            add_one(schema, name, schema_pb2.BYTES)
        add_some(schema, CAPTIONS, schema_pb2.BYTES)
        for name in (IMAGE_FEATURES, TEXT_FEATURES):
            add_some(schema, name, schema_pb2.FLOAT)
        if described.classes:
            add_label(schema, described.classes, several=bool(described.facts["multi_label"]))
        return schema

    def inputs(self, records: Records, split: str, count: int) -> dict[str, list[bytes]]:
        """Return images, and captions as texts."""
        texts = [one.encode() for one in records.texts(split, CAPTIONS, count)]
        return {**super().inputs(records, split, count), "text": texts}

    def open(self, described: Described, records: Records) -> RecordPairs:
        """Return pairs of features; an example of a split is a caption with its image."""
        splits = {
            split: Split(split, sum(len(strings(one, CAPTIONS)) for one in records.features(split)))
            for split in records.files
        }
        return RecordPairs(
            name=described.name,
            classes=tuple(described.classes),
            splits=splits,
            fingerprint=described.fingerprint,
            licence=described.licence,
            image_encoder=find_encoder("image", described.facts["image_encoder"]),
            text_encoder=find_encoder("text", described.facts["text_encoder"]),
            multi_label=bool(described.facts["multi_label"]),
            records=records,
        )
