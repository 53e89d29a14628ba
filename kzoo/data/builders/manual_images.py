"""What builders of image sets that are downloaded by hand have in common: finding and checking the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from kzoo.errors import DataError


def checked_folder(folder: Path, expected: str) -> Path:
    """Return `folder` if it is there.

    Raises:
        DataError: otherwise; `expected` says which files to put there, and from where.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; {expected}")
    return folder


def checked_files(paths: Iterable[Path], count: int, folder: Path, expected: str) -> list[Path]:
    """Return the files in the order of their names, if there are `count` of them.

    Raises:
        DataError: otherwise.
    """
    found = sorted(paths, key=lambda path: path.name)
    if len(found) != count:
        raise DataError(f"{folder} has {len(found)} of {count} images; {expected}")
    return found


def checked_image(path: Path) -> Path:
    """Return `path` if its image can be decoded whole.

    Raises:
        DataError: if it is truncated or no image.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError) as error:
        raise DataError(f"{path} cannot be decoded: {error}") from error
    return path


def image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) of an image that can be decoded whole.

    Raises:
        DataError: as `checked_image`.
    """
    from PIL import Image

    with Image.open(checked_image(path)) as image:
        return image.height, image.width


def in_order(names: Iterable[str]) -> list[str]:
    """Return names in the order of their hashes: a random one, and everywhere the same."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
