"""Photographs with a label map each, of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.data.data_source import Split
from kzoo.data.voc import SegmentSource
from kzoo.errors import DataError
from tfx_pipeline.examples import ID, IMAGE, byte_values, example_of, strings
from tfx_pipeline.kinds.kind import Described, Kind, Wanted
from tfx_pipeline.kinds.layers import LABEL_MAP
from tfx_pipeline.records import Records
from tfx_pipeline.schemas import of_encoded


@dataclass(frozen=True)
class _Rows:
    """Random access to the encoded examples of a split, as `kzoo.data.record_examples.Records`."""

    features: Sequence[Any]

    def __len__(self) -> int:
        return len(self.features)

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        return [
            {
                "image": byte_values(features, IMAGE)[0],
                "labels": byte_values(features, LABEL_MAP)[0],
                "name": strings(features, ID)[0],
            }
            for features in (self.features[index] for index in indices)
        ]


class Segments(Kind):
    """Photographs with label maps: beside picture and id the label map, both encoded as they are kept."""

    name = "segments"
    source_type = SegmentSource

    def examples(self, source: SegmentSource, split: str, wanted: Wanted) -> Iterator[Any]:
        """Yield one photograph each."""
        records = source.records_of(split)
        for row in filter(wanted, range(len(records))):
            (one,) = records.__getitems__([row])
            name = one["name"]
            identity = name if isinstance(name, str) else name.decode()
            yield example_of({ID: [identity], IMAGE: [one["image"]], LABEL_MAP: [one["labels"]]})

    def schema(self, described: Described) -> schema_pb2.Schema:
        """Return: one picture, label map and id."""
        return of_encoded((ID, IMAGE, LABEL_MAP))

    def open(self, described: Described, records: Records) -> SegmentSource:
        """Return photographs with label maps.

        Raises:
            DataError: when a split is read that the records do not have.
        """

        def rows(split: str) -> _Rows:
            if split not in records.files:
                raise DataError(f"{described.name} has no split {split!r}")
            return _Rows(records.features(split))

        return SegmentSource(
            name=described.name,
            classes=tuple(described.classes),
            splits={split: Split(split, len(records.serialized(split))) for split in records.files},
            fingerprint=described.fingerprint,
            licence=described.licence,
            source="spans of a pipeline",
            records_of=rows,
        )
