"""Photographs with label maps that are placed by hand and fit in memory: CMP Facade and Cityscapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kzoo.data import cityscapes
from kzoo.data.data_source import Split
from kzoo.data.packages import require_packages
from kzoo.errors import DataError, UnknownNameError
from kzoo.files import cache_folder

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tensorflow_datasets as tfds

    from kzoo.data.segment_batches import SegmentExamples

SIDE = 256
Color = tuple[int, int, int]
FACADE_COLORS: Mapping[str, Color] = {
    "background": (0, 0, 170), "facade": (0, 0, 255), "window": (0, 85, 255), "door": (0, 170, 255),
    "cornice": (0, 255, 255), "sill": (85, 255, 170), "balcony": (170, 255, 85), "blind": (255, 255, 0),
    "deco": (255, 170, 0), "molding": (255, 85, 0), "pillar": (255, 0, 0), "shop": (170, 0, 0),
}  # fmt: skip
"""As the database's own pictures of its label maps."""


@dataclass(frozen=True)
class LabelSet:
    """How a set is read.

    Attributes:
        open_builder: gives the builder, and raises DataError for files that are not placed.
        image, labels, name: its features.
        colors: class to the colour it is drawn in, in the order of the classes.
        class_of: raw label to class, 255 for what counts for nothing; None where they are classes already.
        splits: that are read.
        licence: one line.
    """

    open_builder: Callable[[bool], tfds.core.DatasetBuilder]
    image: str
    labels: str
    name: str
    colors: Mapping[str, Color]
    class_of: Callable[[], np.ndarray] | None
    splits: tuple[str, ...]
    licence: str


@dataclass(frozen=True)
class LabelSource:
    """Photographs with label maps, 256x256 when read.

    Attributes:
        name: as the user gave it.
        classes: of the label maps.
        splits: name to split.
        fingerprint: SHA-256 that changes whenever the examples do.
        licence, source: one line each, for cards.
        read: gives the photographs and label maps of a split.
        colors: class to the colour that it is drawn in.
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str
    read: Callable[[str], SegmentExamples] = field(repr=False)
    colors: Mapping[str, Color] = field(default_factory=dict, repr=False)

    def examples(self, split: str) -> SegmentExamples:
        """Read a split.

        Raises:
            UnknownNameError: if the source has no such split.
            DataError: if the records are broken or not as many as they should be.
        """
        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        return self.read(split)


def open_label_set(name: str, *, build: bool = True) -> LabelSource:
    """Open photographs with label maps, preparing them from the files placed by hand where that is not done.

    "cmp_facade": 400 facades to train and 206 to test, 12 classes. "cityscapes": 2,975 streets to train and
    500 to validate, 19 classes.

    Args:
        name: of the set.
        build: prepare it where it is not on disk; False makes that a DataError.

    Raises:
        UnknownNameError: for another name.
        DataError: if it is not prepared and `build` is False, or the files are not what they should be.
    """
    if name not in LABEL_SETS:
        raise UnknownNameError("data set of label maps", name, LABEL_SETS)
    require_packages("data", "tensorflow_datasets", "filelock")
    from kzoo.data.tfds_source import fingerprint_of_files

    definition = LABEL_SETS[name]
    builder = definition.open_builder(build)
    splits = {split: Split(split, builder.info.splits[split].num_examples) for split in definition.splits}
    return LabelSource(
        name=name,
        classes=tuple(definition.colors),
        splits=splits,
        fingerprint=fingerprint_of_files(builder),
        licence=definition.licence,
        source=f"{name}, {builder.info.homepage}",
        read=lambda split: _read(definition, builder, name, splits, split),
        colors=definition.colors,
    )


def _read(
    definition: LabelSet,
    builder: tfds.core.DatasetBuilder,
    name: str,
    splits: Mapping[str, Split],
    split: str,
) -> SegmentExamples:
    """Read a split at 256x256; photographs are scaled antialiased, label maps by the nearest."""
    import tensorflow as tf

    from kzoo.data.images import resize_image
    from kzoo.data.segment_batches import SegmentExamples
    from kzoo.data.tfds_source import read_whole

    table = None if definition.class_of is None else tf.constant(definition.class_of())

    def example(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        labels = tf.image.resize(features[definition.labels], (SIDE, SIDE), method="nearest")[..., 0]
        return {
            "images": resize_image(features[definition.image], (SIDE, SIDE)),
            "labels": labels if table is None else tf.gather(table, tf.cast(labels, tf.int32)),
            "ids": features[definition.name],
        }

    found = read_whole(builder, name, splits, split, example)
    ids = found["ids"].astype(str)
    return SegmentExamples(found["images"], found["labels"], tuple(definition.colors), ids)


def _facade(build: bool) -> tfds.core.DatasetBuilder:
    from kzoo.data.builders.cmp_facade import FOLDER, CmpFacade
    from kzoo.data.builders.manual_images import checked_folder
    from kzoo.data.tfds_source import manual_folder, prepare_placed

    builder = CmpFacade(data_dir=cache_folder("datasets"))
    placed, expected = manual_folder(builder) / FOLDER, builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    prepare_placed("cmp_facade", builder, build=build, check=lambda: checked_folder(placed, expected))
    return builder


def _cityscapes(build: bool) -> tfds.core.DatasetBuilder:
    import tensorflow_datasets as tfds

    from kzoo.data.tfds_source import manual_folder, prepare_placed

    builder = tfds.builder("cityscapes/semantic_segmentation", data_dir=cache_folder("datasets"))
    archives = [manual_folder(builder) / name for name in cityscapes.ARCHIVES]

    def check() -> None:
        for archive in archives:
            if not archive.is_file():
                raise DataError(f"there is no {archive}; {cityscapes.INSTRUCTIONS}")

    try:
        prepare_placed("cityscapes", builder, build=build, check=check)
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"cityscapes cannot be prepared from {', '.join(map(str, archives))}: {error}"
        ) from error
    return builder


LABEL_SETS: Mapping[str, LabelSet] = {
    "cmp_facade": LabelSet(
        open_builder=_facade,
        image="image",
        labels="labels",
        name="name",
        colors=FACADE_COLORS,
        class_of=None,
        splits=("train", "test"),
        licence="CC BY-SA; cite Tylecek and Sara 2013",
    ),
    "cityscapes": LabelSet(
        open_builder=_cityscapes,
        image="image_left",
        labels="segmentation_label",
        name="image_id",
        colors=cityscapes.COLORS,
        class_of=cityscapes.class_of_label,
        splits=("train", "validation"),
        licence="non-commercial, by registration; cite Cordts et al. 2016",
    ),
}
