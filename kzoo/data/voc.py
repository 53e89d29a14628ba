"""PASCAL VOC 2012 with SBD: photographs with label maps, read by index from the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kzoo.data.data_source import Split
from kzoo.data.packages import require_packages
from kzoo.data.tfds_source import fingerprint_of_files, prepare_placed
from kzoo.errors import UnknownNameError
from kzoo.files import cache_folder

if TYPE_CHECKING:
    from kzoo.data.record_examples import Records
    from kzoo.data.segment_batches import SegmentRecords

VOC = "voc2012"
SIDE = 512
"""The least multiple of 32, the stride of the networks, that all images of VOC fit in."""


@dataclass(frozen=True)
class SegmentSource:
    """Photographs with label maps, too many for memory.

    Attributes:
        name: as the user gave it.
        classes: of the label maps.
        splits: "train" and "validation".
        fingerprint: SHA-256 that changes whenever the examples do.
        licence, source: one line each, for cards.
        records_of: gives random access to the undecoded examples of a split.
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str
    records_of: Callable[[str], Records] = field(repr=False)

    def examples(self, split: str) -> SegmentRecords:
        """Return a split, padded to 512x512 when it is read.

        Raises:
            UnknownNameError: if the source has no such split.
        """
        from kzoo.data.segment_batches import SegmentRecords

        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        return SegmentRecords(self.records_of(split), self.classes, (SIDE, SIDE))


def open_voc(*, build: bool = True) -> SegmentSource:
    """Open VOC 2012 with SBD, preparing it from what was downloaded by hand where that has not been done.

    Raises:
        DataError: if it is not prepared and `build` is False or a file is missing or broken; the message says
            which is to be placed where.
    """
    require_packages("data", "tensorflow_datasets", "filelock", "array_record")
    import tensorflow_datasets as tfds

    from kzoo.data.builders.voc2012 import CLASSES, Voc2012

    builder = Voc2012(data_dir=cache_folder("datasets"), file_format="array_record")
    prepare_placed(VOC, builder, build=build)
    found = {name: builder.info.splits[name].num_examples for name in ("train", "validation")}
    skip = tfds.decode.SkipDecoding()

    def records_of(split: str) -> Records:
        return builder.as_data_source(split, decoders={"image": skip, "labels": skip})

    return SegmentSource(
        name=VOC,
        classes=CLASSES,
        splits={name: Split(name, count) for name, count in found.items()},
        fingerprint=fingerprint_of_files(builder),
        licence="research only; the photographs are Flickr's users'",
        source=f"PASCAL VOC 2012 and the Semantic Boundaries Dataset, {builder.info.homepage}",
        records_of=records_of,
    )
