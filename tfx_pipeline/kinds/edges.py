"""Pictures with the edges that one or more people drew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.data.data_source import Split
from kzoo.data.edge_examples import EdgePicture, Pictures, ReadPictures
from kzoo.data.edge_sources import EdgeSource
from tfx_pipeline.examples import ID, IMAGE, byte_values, example_of, strings
from tfx_pipeline.kinds.kind import Described, Kind, Wanted
from tfx_pipeline.records import Records
from tfx_pipeline.schemas import of_encoded

EDGES = "edges_bytes"


class Edges(Kind):
    """Pictures with edges: beside picture and id the edges of all annotators, below each other in one PNG."""

    name = "edges"
    source_type = EdgeSource

    def facts(self, source: EdgeSource) -> dict[str, Any]:
        """Return how far apart matched pixels may lie, as a share of the diagonal."""
        return {"max_distance": source.max_distance}

    def examples(self, source: EdgeSource, split: str, wanted: Wanted) -> Iterator[Any]:
        """Yield one picture each."""
        import tensorflow as tf

        pictures = source.pictures_of(split)
        for row in filter(wanted, range(len(pictures))):
            one = pictures[row]
            below = one.annotations.reshape(-1, one.image.shape[1], 1).astype("uint8") * 255
            layers = {IMAGE: one.image, EDGES: below}
            encoded = {name: [tf.io.encode_png(layer).numpy()] for name, layer in layers.items()}
            yield example_of({ID: [one.name], **encoded})

    def schema(self, described: Described) -> schema_pb2.Schema:
        """Return: one picture, edges and id."""
        return of_encoded((ID, IMAGE, EDGES))

    def open(self, described: Described, records: Records) -> EdgeSource:
        """Return pictures with edges."""

        def pictures_of(split: str) -> Pictures:
            found = records.features(split)
            return ReadPictures(len(found), lambda row: _picture(found[row]))

        return EdgeSource(
            name=described.name,
            splits={split: Split(split, len(records.serialized(split))) for split in records.files},
            fingerprint=described.fingerprint,
            licence=described.licence,
            source="spans of a pipeline",
            max_distance=float(described.facts["max_distance"]),
            pictures_of=pictures_of,
        )


def _picture(features: Any) -> EdgePicture:
    import tensorflow as tf

    image = tf.io.decode_png(byte_values(features, IMAGE)[0], 3).numpy()
    edges = tf.io.decode_png(byte_values(features, EDGES)[0], 1).numpy()
    return EdgePicture(strings(features, ID)[0], image, edges.reshape(-1, *image.shape[:2]) > 0)
