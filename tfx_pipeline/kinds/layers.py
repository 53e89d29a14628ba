"""Pictures with a label map and an outline each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.data.data_source import Split
from kzoo.data.layers import LayerArrays, LayerSource
from kzoo.errors import UnknownNameError
from tfx_pipeline.examples import ID, IMAGE, byte_values, example_of, strings
from tfx_pipeline.kinds.kind import Described, Kind, Wanted
from tfx_pipeline.records import Records
from tfx_pipeline.schemas import of_encoded

LABEL_MAP, OUTLINE = "label_map_bytes", "outline_bytes"


@dataclass(frozen=True, kw_only=True)
class RecordLayers:
    """Drawings by layer in records; it answers as `kzoo.data.layers.LayerSource` does."""

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str = "spans of a pipeline"
    records: Records

    def arrays(self, split: str, *, image_size: tuple[int, int]) -> LayerArrays:
        """Return a split at a size, as `LayerSource.arrays`.

        Raises:
            UnknownNameError: if there is no such split.
        """
        import numpy as np
        import tensorflow as tf

        from kzoo.data.images import resize_image

        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        found = self.records.features(split)

        def decoded(name: str, channels: int) -> Iterator[Any]:
            for features in found:
                yield tf.io.decode_png(byte_values(features, name)[0], channels)

        label_maps = (
            tf.image.resize(one, image_size, method="nearest")[..., 0] for one in decoded(LABEL_MAP, 1)
        )
        return LayerArrays(
            color=np.stack([resize_image(one, image_size) for one in decoded(IMAGE, 3)]),
            labels=np.stack(list(label_maps)),
            outline=np.stack([resize_image(one, image_size)[..., 0] for one in decoded(OUTLINE, 1)]),
            ids=np.array([strings(features, ID)[0] for features in found]),
        )


class Layers(Kind):
    """Drawings by layer: beside picture and id the label map and the outline, PNG of one channel each."""

    name = "layers"
    source_type = LayerSource

    def examples(self, source: LayerSource, split: str, wanted: Wanted) -> Iterator[Any]:
        """Yield one drawing each, of the size that the source is kept at."""
        import tensorflow as tf

        height, width, _ = source.builder.info.features["color"].shape
        arrays = source.arrays(split, image_size=(height, width))
        for row in filter(wanted, range(len(arrays.ids))):
            layers = {
                IMAGE: arrays.color[row],
                LABEL_MAP: arrays.labels[row][..., None],
                OUTLINE: arrays.outline[row][..., None],
            }
            encoded = {name: [tf.io.encode_png(layer).numpy()] for name, layer in layers.items()}
            yield example_of({ID: [str(arrays.ids[row])], **encoded})

    def schema(self, described: Described) -> schema_pb2.Schema:
        """Return: one of each layer and one id."""
        return of_encoded((ID, IMAGE, LABEL_MAP, OUTLINE))

    def open(self, described: Described, records: Records) -> RecordLayers:
        """Return drawings by layer."""
        return RecordLayers(
            name=described.name,
            classes=tuple(described.classes),
            splits={split: Split(split, len(records.serialized(split))) for split in records.files},
            fingerprint=described.fingerprint,
            licence=described.licence,
            records=records,
        )
