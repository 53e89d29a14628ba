"""Photographs with annotated edges, by name; and the edges between the segments of any label maps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzoo.boundary_files import decoded
from kzoo.data.data_source import Split
from kzoo.data.edge_examples import (
    BSDS_DISTANCE,
    VOC_IGNORED,
    EdgeExamples,
    EdgePicture,
    Pictures,
    ReadPictures,
    joined,
    picture_of_segments,
)
from kzoo.data.layers import EMOJI_LAYERS, LayerSource, open_layers
from kzoo.data.packages import require_packages
from kzoo.data.voc import VOC, SegmentSource, open_voc
from kzoo.errors import DataError, UnknownNameError
from kzoo.files import cache_folder

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

BUILT = {
    "bsds500": ("bsds500", "Bsds500", BSDS_DISTANCE),
    "nyud_v2": ("nyud_v2", "NyudV2", 0.011),
    "pascal_context": ("pascal_context", "PascalContext", BSDS_DISTANCE),
}
SEGMENTS = "segments:"
NAMES = (EMOJI_LAYERS, *BUILT, f"{SEGMENTS}{VOC}", f"{SEGMENTS}{EMOJI_LAYERS}", f"{SEGMENTS}FOLDER")
SPLITS = ("train", "validation", "test")
LABEL_MAPS = (".png", ".npy")


@dataclass(frozen=True)
class EdgeSource:
    """Pictures with annotated edges.

    Attributes:
        name: as the user gave it.
        classes: of pixels that are looked for: "edge".
        splits: of its own, and "trainval", training and validation together, which the thesis trains on.
        fingerprint: SHA-256 that changes whenever the examples do.
        licence, source: one line each, for cards.
        max_distance: between matched pixels when it is measured, as a share of the diagonal.
        pictures_of: gives the pictures of a split.
    """

    name: str
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str
    max_distance: float
    pictures_of: Callable[[str], Pictures] = field(repr=False)
    classes: tuple[str, ...] = ("edge",)

    def examples(self, split: str) -> EdgeExamples:
        """Return a split.

        Raises:
            UnknownNameError: if the source has no such split.
        """
        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        pictures = self.pictures_of(split)
        return EdgeExamples(pictures, self.max_distance, False, f"{self.name} {self.fingerprint} {split}")


def open_edges(name: str, *, build: bool = True) -> EdgeSource:
    """Open photographs with edges, preparing them from what was downloaded by hand where that is not done.

    Args:
        name: "bsds500", "nyud_v2" or "pascal_context"; or "segments:" before "voc2012", "house/emoji_layers"
            or a folder of DIR/SPLIT/images/NAME.jpg|png and DIR/SPLIT/labels/NAME.png|npy, whose splits are
            one or more of train, validation and test.
        build: prepare it where it is not on disk; False makes that a DataError.

    Raises:
        UnknownNameError: for another name.
        DataError: if it cannot be had; the message says which file is to be placed where.
    """
    if name in BUILT:
        return _open_built(name, build)
    target = name.removeprefix(SEGMENTS)
    if target == name or not target:
        raise UnknownNameError("data set with edges", name, NAMES)
    if target == VOC:
        return _segments_of_voc(name, build)
    if target == EMOJI_LAYERS:
        return _segments_of_layers(name, build)
    return _segments_of_folder(name, Path(target).expanduser())


def _open_built(name: str, build: bool) -> EdgeSource:
    require_packages("data", "tensorflow_datasets", "filelock", "array_record")
    import importlib

    import tensorflow_datasets as tfds

    from kzoo.data.tfds_source import is_prepared, prepare

    module, kind, distance = BUILT[name]
    builder_class = getattr(importlib.import_module(f"kzoo.data.builders.{module}"), kind)
    builder = builder_class(data_dir=cache_folder("datasets"), file_format="array_record")
    if not build and not is_prepared(builder):
        raise DataError(f"{name} is not built in {builder.data_dir}; open it with build=True to build it")
    prepare(builder)
    skip = tfds.decode.SkipDecoding()

    def pictures_of(split: str) -> Pictures:
        records = builder.as_data_source(split, decoders={"image": skip, "boundaries": skip})
        return ReadPictures(len(records), lambda row: _annotated(records[row]))

    return _source(
        name,
        {split: found.num_examples for split, found in builder.info.splits.items()},
        pictures_of,
        fingerprint=_fingerprint(builder),
        licence=builder.info.redistribution_info.license,
        source=f"{builder.info.description} {builder.info.homepage}",
        max_distance=distance,
    )


def _annotated(record: Mapping[str, Any]) -> EdgePicture:
    image, maps = decoded(record["image"], "RGB"), decoded(record["boundaries"], "L")
    return EdgePicture(_text(record["name"]), image, maps.reshape(-1, *image.shape[:2]) > 0)


def _segments_of_voc(name: str, build: bool) -> EdgeSource:
    voc = open_voc(build=build)

    def pictures_of(split: str) -> Pictures:
        records: Any = voc.records_of(split)

        def read(row: int) -> EdgePicture:
            one = records[row]
            image, labels = decoded(one["image"], "RGB"), decoded(one["labels"], "L")
            return picture_of_segments(_text(one["name"]), image, labels, VOC_IGNORED)

        return ReadPictures(len(records), read)

    return _source_over(name, voc, pictures_of)


def _segments_of_layers(name: str, build: bool) -> EdgeSource:
    layers = open_layers(EMOJI_LAYERS, build=build)
    side = layers.builder.info.features["color"].shape[0]

    def pictures_of(split: str) -> Pictures:
        arrays = layers.arrays(split, image_size=(side, side))

        def read(row: int) -> EdgePicture:
            return picture_of_segments(str(arrays.ids[row]), arrays.color[row], arrays.labels[row])

        return ReadPictures(len(arrays), read)

    return _source_over(name, layers, pictures_of)


def _segments_of_folder(name: str, folder: Path) -> EdgeSource:
    expected = "expected SPLIT/images/NAME.jpg|png and SPLIT/labels/NAME.png|npy, SPLIT train or another"
    found = {split: _pairs(folder / split, expected) for split in SPLITS if (folder / split).is_dir()}
    if not found:
        raise DataError(f"there is no split of {', '.join(SPLITS)} in {folder}; {expected}")

    def pictures_of(split: str) -> Pictures:
        pairs = found[split]

        def read(row: int) -> EdgePicture:
            image, labels = pairs[row]
            return picture_of_segments(image.stem, decoded(image, "RGB"), label_map(labels), None)

        return ReadPictures(len(pairs), read)

    files = [one for pairs in found.values() for pair in pairs for one in pair]
    digest = hashlib.sha256()
    for one in files:
        digest.update(str(one.relative_to(folder)).encode() + hashlib.sha256(one.read_bytes()).digest())
    return _source(
        name,
        {split: len(pairs) for split, pairs in found.items()},
        pictures_of,
        fingerprint=digest.hexdigest(),
        licence="the folder's own",
        source=str(folder),
    )


def label_map(path: Path) -> Any:
    """Return the label map of a PNG of one channel or with a palette, or of an array in a .npy file.

    Raises:
        DataError: if it cannot be read, or has several channels.
    """
    import numpy as np

    try:
        labels = np.load(path, allow_pickle=False) if path.suffix == ".npy" else decoded(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a label map: {error}") from error
    if labels.ndim != 2 or labels.dtype.kind not in "bui":
        raise DataError(f"{path} is {labels.dtype} {labels.shape}; expected whole numbers (H, W)")
    return labels


def _pairs(folder: Path, expected: str) -> list[tuple[Path, Path]]:
    images = sorted(one for kind in ("jpg", "png") for one in (folder / "images").glob(f"*.{kind}"))
    if not images:
        raise DataError(f"there are no images in {folder / 'images'}; {expected}")
    pairs = []
    for image in images:
        labels = [folder / "labels" / f"{image.stem}{kind}" for kind in LABEL_MAPS]
        there = next((one for one in labels if one.is_file()), None)
        if there is None:
            raise DataError(f"{image} has no label map {labels[0]}; {expected}")
        pairs.append((image, there))
    return pairs


def _source_over(
    name: str, opened: SegmentSource | LayerSource, pictures_of: Callable[[str], Pictures]
) -> EdgeSource:
    """Return a source over the examples of another, with that one's counts, licence and fingerprint."""
    return _source(
        name,
        {split: found.examples for split, found in opened.splits.items()},
        pictures_of,
        fingerprint=opened.fingerprint,
        licence=opened.licence,
        source=opened.source,
    )


def _source(
    name: str,
    counts: Mapping[str, int],
    pictures_of: Callable[[str], Pictures],
    *,
    fingerprint: str,
    licence: str,
    source: str,
    max_distance: float = BSDS_DISTANCE,
) -> EdgeSource:
    """Return a source with "trainval" beside its own splits."""
    together = tuple(split for split in ("train", "validation") if split in counts)
    counts = {**counts, "trainval": sum(counts[split] for split in together)} if together else dict(counts)

    def of_any(split: str) -> Pictures:
        if split == "trainval":
            return joined([pictures_of(one) for one in together])
        return pictures_of(split)

    return EdgeSource(
        name=name,
        splits={split: Split(split, count) for split, count in counts.items()},
        fingerprint=fingerprint,
        licence=licence,
        source=source,
        max_distance=max_distance,
        pictures_of=of_any,
    )


def _fingerprint(builder: tfds.core.DatasetBuilder) -> str:
    files = Path(builder.data_dir).glob("*.array_record*")
    digest = hashlib.sha256(builder.info.full_name.encode())
    for file in sorted(files):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
