"""Photographs of one size with a label map each, which fit in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.data.data_source import Split
from kzoo.data.label_sets import LabelSource
from tfx_pipeline.examples import ID, IMAGE, byte_values, example_of, strings
from tfx_pipeline.kinds.kind import Described, Kind, Wanted
from tfx_pipeline.kinds.layers import LABEL_MAP
from tfx_pipeline.records import Records
from tfx_pipeline.schemas import of_encoded

if TYPE_CHECKING:
    from kzoo.data.segment_batches import SegmentExamples


class LabelMaps(Kind):
    """Photographs with label maps: beside picture and id the label map, PNG of one channel."""

    name = "label_maps"
    source_type = LabelSource

    def examples(self, source: LabelSource, split: str, wanted: Wanted) -> Iterator[Any]:
        """Yield one photograph each, at 256x256."""
        import tensorflow as tf

        found = source.examples(split)
        for row in filter(wanted, range(len(found))):
            layers = {IMAGE: found.images[row], LABEL_MAP: found.labels[row][..., None]}
            encoded = {name: [tf.io.encode_png(layer).numpy()] for name, layer in layers.items()}
            yield example_of({ID: [str(found.ids[row])], **encoded})

    def schema(self, described: Described) -> schema_pb2.Schema:
        """Return: one picture, label map and id."""
        return of_encoded((ID, IMAGE, LABEL_MAP))

    def open(self, described: Described, records: Records) -> LabelSource:
        """Return photographs with label maps."""
        classes = tuple(described.classes)
        return LabelSource(
            name=described.name,
            classes=classes,
            splits={split: Split(split, len(records.serialized(split))) for split in records.files},
            fingerprint=described.fingerprint,
            licence=described.licence,
            source="spans of a pipeline",
            read=lambda split: _decoded(records.features(split), classes),
        )


def _decoded(found: Sequence[Any], classes: tuple[str, ...]) -> SegmentExamples:
    import numpy as np
    import tensorflow as tf

    from kzoo.data.segment_batches import SegmentExamples

    images, labels = (
        np.stack([tf.io.decode_png(byte_values(one, name)[0], channels).numpy() for one in found])
        for name, channels in ((IMAGE, 3), (LABEL_MAP, 1))
    )
    ids = np.array([strings(one, ID)[0] for one in found])
    return SegmentExamples(images, labels[..., 0], classes, ids)
