"""Pairs of persons, with poses and parsings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.data.data_source import Split
from kzoo.data.people import PersonArrays, PersonPairs, PersonSource
from kzoo.errors import UnknownNameError
from tfx_pipeline.examples import ID, IMAGE, Value, byte_values, example_of, strings
from tfx_pipeline.kinds.kind import Described, Kind, Wanted
from tfx_pipeline.records import Records
from tfx_pipeline.schemas import add_one, add_some

if TYPE_CHECKING:
    import numpy as np

PERSONS = {"condition": IMAGE, "reference": "reference_bytes"}
"""The feature with each person's picture: the first is what the record is a picture of."""
TRUE_SWAP = "target_bytes"


@dataclass(frozen=True, kw_only=True)
class RecordPeople:
    """Pairs of persons in records; it answers as `kzoo.data.people.PersonSource` does."""

    name: str
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str = "spans of a pipeline"
    true_swaps: bool
    classes: tuple[str, ...] = ()
    records: Records

    def pairs(self, split: str) -> PersonPairs:
        """Return a split, as `PersonSource.pairs` at the size that it was delivered at.

        Raises:
            UnknownNameError: if there is no such split.
            DataError: if pictures, parts and key-points do not fit each other.
        """
        import numpy as np

        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        found = self.records.features(split)
        return PersonPairs(
            condition=_persons(found, "condition"),
            reference=_persons(found, "reference"),
            target=_decoded(found, TRUE_SWAP, 3) if self.true_swaps else None,
            ids=np.array([strings(features, ID)[0] for features in found]),
            same=split == "train",
        )


class People(Kind):
    """Pairs of persons: of each the picture, its parts (PNG of one channel), 18 key-points of 3 numbers."""

    name = "people"
    source_type = PersonSource

    def facts(self, source: PersonSource) -> dict[str, Any]:
        """Return whether the true picture is known of every pair."""
        return {"true_swaps": source.true_swaps}

    def examples(self, source: PersonSource, split: str, wanted: Wanted) -> Iterator[Any]:
        """Yield one pair each, at 128x128."""
        pairs = source.pairs(split)
        for row in filter(wanted, range(len(pairs.ids))):
            features: dict[str, Value] = {ID: [str(pairs.ids[row])]}
            for name, people in (("condition", pairs.condition), ("reference", pairs.reference)):
                features[PERSONS[name]] = [_png(people.images[row])]
                features[_parts(name)] = [_png(people.parts[row][..., None])]
                features[_points(name)] = people.key_points[row].ravel().tolist()
            if pairs.target is not None:
                features[TRUE_SWAP] = [_png(pairs.target[row])]
            yield example_of(features)

    def schema(self, described: Described) -> schema_pb2.Schema:
        """Return: one id, and of both persons one picture, parts and 54 numbers; the true swap if known."""
        schema = schema_pb2.Schema()
        images = [*PERSONS.values(), *map(_parts, PERSONS)]
        for name in (ID, *images, *([TRUE_SWAP] if described.facts["true_swaps"] else [])):
            add_one(schema, name, schema_pb2.BYTES)
        for name in PERSONS:
            points = add_some(schema, _points(name), schema_pb2.FLOAT)
            points.value_count.min = points.value_count.max = 54
        return schema

    def open(self, described: Described, records: Records) -> RecordPeople:
        """Return pairs of persons."""
        return RecordPeople(
            name=described.name,
            splits={split: Split(split, len(records.serialized(split))) for split in records.files},
            fingerprint=described.fingerprint,
            licence=described.licence,
            true_swaps=bool(described.facts["true_swaps"]),
            records=records,
        )

    def inputs(self, records: Records, split: str, count: int) -> dict[str, list[bytes]]:
        """Return what a server swaps: two persons, the reference's pose and head, each an encoded picture."""
        from kzoo.data.people_batches import pose_maps
        from kzoo.data.people_parts import HEAD_TABLE

        found = records.features(split)[:count]
        reference = _persons(found, "reference")
        return {
            "condition_bytes": [byte_values(features, PERSONS["condition"])[0] for features in found],
            "reference_bytes": [byte_values(features, PERSONS["reference"])[0] for features in found],
            "reference_pose_bytes": [_png(pose) for pose in pose_maps(reference)],
            "reference_head_bytes": [
                _png((HEAD_TABLE[parts] * 255).astype("uint8")) for parts in reference.parts
            ],
        }


def _parts(person: str) -> str:
    return f"{person}_parts_bytes"


def _points(person: str) -> str:
    return f"{person}_key_points"


def _persons(found: list[Any], person: str) -> PersonArrays:
    import numpy as np

    points = [features[_points(person)].float_list.value for features in found]
    return PersonArrays(
        images=_decoded(found, PERSONS[person], 3),
        parts=_decoded(found, _parts(person), 1)[..., 0],
        key_points=np.array(points, np.float32).reshape(len(found), -1, 3),
    )


def _decoded(found: list[Any], name: str, channels: int) -> np.ndarray:
    import numpy as np
    import tensorflow as tf

    return np.stack(
        [tf.io.decode_png(byte_values(features, name)[0], channels).numpy() for features in found]
    )


def _png(picture: np.ndarray) -> bytes:
    import tensorflow as tf

    encoded: bytes = tf.io.encode_png(picture).numpy()
    return encoded
