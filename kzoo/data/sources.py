"""Open a data source by name: a part of the house set, a TFDS data set, or a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzoo.data.data_source import DataSource, Split
from kzoo.data.house import HOUSE_PARTS
from kzoo.data.imagenet import IMAGENET, open_imagenet
from kzoo.data.tfds_source import CIFAR, open_cifar
from kzoo.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from kzoo.data.data_source import Source

__all__ = ["NAMED_SOURCES", "DataSource", "Split", "describe_source", "open_source"]

NAMED_SOURCES = (*HOUSE_PARTS, *CIFAR, IMAGENET)


def open_source(name: str, *, build: bool = True, image_size_hint: int | None = None) -> DataSource:
    """Open a source of labelled images, and check it.

    Args:
        name: one of NAMED_SOURCES, or a folder: DIR/train/CLASS/*.png|jpg with DIR/test and perhaps
            DIR/validation, or DIR/CLASS/* (then split 70/10/20 by a hash of the file names).
        build: build or download the source where it is not on disk; False makes that a DataError.
        image_size_hint: pixels a side that images will be read at, for sources kept in several sizes.

    Raises:
        UnknownNameError: if nothing has this name.
        DataError: if the source cannot be had or is not what it should be; the message names the file.
    """
    if name in HOUSE_PARTS:
        return HOUSE_PARTS[name].open(name, build=build, image_size_hint=image_size_hint)
    if name in CIFAR:
        return open_cifar(name, build=build)
    if name == IMAGENET:
        return open_imagenet(build=build)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        from kzoo.data.folder_source import open_folder

        return open_folder(name)
    expected = "expected a folder of images with a sub-folder a class"
    if name and folder.exists():
        raise DataError(f"{name} is a file; {expected}")
    if name.startswith(("/", ".", "~")):
        raise DataError(f"there is no folder {name}; {expected}")
    known = ", ".join(NAMED_SOURCES)
    raise UnknownNameError(f"data set (expected {known}, or a folder of images)", name, NAMED_SOURCES)


def describe_source(source: Source) -> dict[str, Any]:
    """Return what there is to say of a source, as values that JSON and YAML can hold."""
    return {
        "name": source.name,
        "classes": list(source.classes),
        "splits": {split.name: split.examples for split in source.splits.values()},
        "fingerprint": source.fingerprint,
        "licence": source.licence,
        "source": source.source,
    }
