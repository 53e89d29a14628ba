"""Pictures of two domains, A and B."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.data.data_source import Split
from kzoo.data.domains import DomainExamples, DomainSource
from kzoo.errors import DataError, UnknownNameError
from tfx_pipeline.examples import ID, IMAGE, byte_values, example_of, strings
from tfx_pipeline.kinds.kind import Described, Kind, Wanted
from tfx_pipeline.records import Records
from tfx_pipeline.schemas import add_one

OTHER_IMAGE = "b_image_bytes"


@dataclass(frozen=True, kw_only=True)
class RecordDomains:
    """Two domains in records; it answers as `kzoo.data.domains.DomainSource` does."""

    name: str
    domains: tuple[str, str]
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str = "spans of a pipeline"
    classes: tuple[str, ...] = ()
    paired: bool
    records: Records

    def examples(self, split: str) -> DomainExamples:
        """Read both domains of a split, as `DomainSource.examples`.

        Raises:
            UnknownNameError: if there is no such split.
            DataError: if a domain has no picture, or pictures are of several sizes.
        """
        import numpy as np

        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        found = self.records.features(split)
        pictures, ids = zip(*(_domain(found, name) for name in (IMAGE, OTHER_IMAGE)), strict=True)
        for domain, own in zip(self.domains, pictures, strict=True):
            sizes = sorted({picture.shape for picture in own})
            if len(sizes) != 1:
                raise DataError(f"{self.name}: {split} has pictures of {domain} of the sizes {sizes}")
        a, b = (np.stack(own) for own in pictures)
        return DomainExamples(a, b, np.array(max(ids, key=len)), paired=self.paired)


class Domains(Kind):
    """Two domains: the picture of A and that of B, which is its translation where domains are paired.

    Where they are not, the smaller domain has no picture in the last examples.
    """

    name = "domains"
    source_type = DomainSource

    def facts(self, source: DomainSource) -> dict[str, Any]:
        """Return what A and B are, and whether pictures are each other's translation."""
        return {"domains": list(source.domains), "paired": source.examples(list(source.splits)[-1]).paired}

    def examples(self, source: DomainSource, split: str, wanted: Wanted) -> Iterator[Any]:
        """Yield a picture of each domain with one id."""
        import tensorflow as tf

        examples = source.examples(split)
        rows = enumerate(zip_longest(examples.ids, examples.a, examples.b))
        for identity, *pair in (one for row, one in rows if wanted(row)):
            encoded = {
                name: [tf.io.encode_png(picture).numpy()]
                for name, picture in zip((IMAGE, OTHER_IMAGE), pair, strict=True)
                if picture is not None
            }
            yield example_of({ID: [str(identity)], **encoded})

    def schema(self, described: Described) -> schema_pb2.Schema:
        """Return: one id, and of paired domains one picture of each, else of some examples."""
        schema = schema_pb2.Schema()
        add_one(schema, ID, schema_pb2.BYTES)
        for name in (IMAGE, OTHER_IMAGE):
            feature = add_one(schema, name, schema_pb2.BYTES)
            if not described.facts["paired"]:
                feature.presence.ClearField("min_fraction")
        return schema

    def open(self, described: Described, records: Records) -> RecordDomains:
        """Return two domains."""
        first, second = described.facts["domains"]
        return RecordDomains(
            name=described.name,
            domains=(first, second),
            splits={split: Split(split, len(records.serialized(split))) for split in records.files},
            fingerprint=described.fingerprint,
            licence=described.licence,
            paired=bool(described.facts["paired"]),
            records=records,
        )


def _domain(found: list[Any], name: str) -> tuple[list[Any], list[str]]:
    import tensorflow as tf

    own = [features for features in found if byte_values(features, name)]
    pictures = [tf.io.decode_png(byte_values(features, name)[0], 3).numpy() for features in own]
    return pictures, [strings(features, ID)[0] for features in own]
