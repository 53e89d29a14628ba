"""What models answer, as NumPy arrays that can draw themselves.

Each result keeps the encoded image that was sent, so that its picture needs nothing else.
"""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kzoo.errors import DataError, UsageError
from kzoo.files import write_atomic

if TYPE_CHECKING:
    from PIL.Image import Image

_TEXT_HEIGHT, _LINE_HEIGHT, _GAP = 12, 16, 4
_THUMBNAIL = 96
_GOLDEN_RATIO = 0.618033988749895
_OVERLAY_OPACITY = 0.5


class Drawable(ABC):
    """A result that has a picture."""

    @abstractmethod
    def picture(self) -> Image:
        """Return the picture, in RGB."""

    def save(self, path: Path | str) -> Path:
        """Write the picture as a PNG, whole or not at all, and return its path.

        Raises:
            UsageError: if the path does not end in ".png".
            DataError: if the image that was sent cannot be decoded here.
        """
        target = Path(path)
        if target.suffix.lower() != ".png":
            raise UsageError(f"a picture is written as PNG; expected a path in .png, received {target}")
        content = io.BytesIO()
        self.picture().save(content, "PNG")
        write_atomic(target, content.getvalue())
        return target


@dataclass(frozen=True)
class Classification(Drawable):
    """The answer of a classifier to one image.

    Attributes:
        best: (class name, score) pairs, best first.
        probabilities: float32 (C,), in the order of the labels.
        image: the encoded image.
    """

    best: tuple[tuple[str, float], ...]
    probabilities: np.ndarray = field(repr=False)
    image: bytes = field(default=b"", repr=False)

    def picture(self) -> Image:
        """Return the image with its classes and scores below."""
        return _with_lines(decode(self.image), [f"{name} {score:.1%}" for name, score in self.best])


@dataclass(frozen=True)
class Segmentation(Drawable):
    """A class for each pixel.

    Attributes:
        labels: integers (H, W), indices into `class_names`.
        class_names: of all classes.
        image: the encoded image.
    """

    labels: np.ndarray = field(repr=False)
    class_names: tuple[str, ...]
    image: bytes = field(repr=False)

    def picture(self) -> Image:
        """Return the image under the classes' colours, with a legend of those that occur."""
        from PIL import Image

        colours = class_colours(max(len(self.class_names), int(self.labels.max(initial=0)) + 1))
        shown = Image.fromarray(colours[self.labels])
        below = decode(self.image).resize(shown.size)
        present = [int(label) for label in np.unique(self.labels)]
        names = [self.class_names[label] for label in present if label < len(self.class_names)]
        legend = [tuple(int(value) for value in colours[label]) for label in present]
        return _with_lines(Image.blend(below, shown, _OVERLAY_OPACITY), names, legend)


@dataclass(frozen=True)
class EdgeMap(Drawable):
    """The probability of an edge at each pixel.

    Attributes:
        edges: float (H, W), 0 to 1.
    """

    edges: np.ndarray = field(repr=False)

    def picture(self) -> Image:
        """Return the map, dark edges on white as in the literature."""
        from PIL import Image

        return Image.fromarray(np.round(255 * (1 - np.clip(self.edges, 0, 1))).astype(np.uint8)).convert(
            "RGB"
        )


@dataclass(frozen=True)
class NewImage(Drawable):
    """An image that a model made: a translation into another domain, or a swap.

    Attributes:
        pixels: uint8 (H, W, 3).
        sources: the encoded images that it was made from.
    """

    pixels: np.ndarray = field(repr=False)
    sources: tuple[bytes, ...] = field(repr=False)

    def picture(self) -> Image:
        """Return the image alone."""
        from PIL import Image

        return Image.fromarray(self.pixels)

    def comparison(self) -> Image:
        """Return the sources and the new image side by side."""
        return _row([*(decode(source) for source in self.sources), self.picture()])


def image_at(metadata: Any) -> bytes:
    """Return the bytes of the image file that metadata name, themselves or as "path".

    Raises:
        DataError: if they name none, or it cannot be read.
    """
    path = metadata.get("path") if isinstance(metadata, dict) else metadata
    if not isinstance(path, str) or not path:
        raise DataError(f"the picture needs a neighbour's file; expected metadata with a path: {metadata!r}")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"the neighbour's image {path} cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class Neighbours(Drawable):
    """What a gallery has that is nearest to one image or text, best first.

    Attributes:
        ids: (K,) integers or strings.
        scores: float (K,), greater is nearer.
        metadata: K, decoded from JSON where they are JSON, else strings.
        image: the encoded query; empty for a text.
        open_image: from a neighbour's metadata to its encoded image, for the picture.
    """

    ids: tuple[int | str, ...]
    scores: np.ndarray = field(repr=False)
    metadata: tuple[Any, ...] = field(repr=False)
    image: bytes = field(default=b"", repr=False)
    open_image: Callable[[Any], bytes] = field(default=image_at, repr=False)

    def picture(self) -> Image:
        """Return a contact sheet: the query, then each neighbour's image with its id and score.

        Raises:
            DataError: if a neighbour's image cannot be found by its metadata or decoded.
        """
        tiles = [] if not self.image else [_tile(self.image, "query")]
        for name, score, metadata in zip(self.ids, self.scores, self.metadata, strict=True):
            tiles.append(_tile(self.open_image(metadata), f"{name} {score:.3f}"))
        return _row(tiles)


def read_metadata(value: bytes) -> Any:
    """Return a neighbour's metadata: what its JSON holds, or the text where it is none."""
    text = value.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def decode(encoded: bytes) -> Image:
    """Return an encoded image, in RGB.

    Raises:
        DataError: if it cannot be decoded.
    """
    from PIL import Image

    try:
        return Image.open(io.BytesIO(encoded)).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{len(encoded)} bytes cannot be decoded as an image: {error}") from error


def class_colours(count: int) -> np.ndarray:
    """Return colours far apart for classes, uint8 (count, 3); class 0 is black, as background is."""
    from matplotlib.colors import hsv_to_rgb

    places = np.arange(count)
    hues = (places * _GOLDEN_RATIO) % 1
    colours = hsv_to_rgb(np.stack([hues, 0.6 + 0.4 * (places % 2), 1 - 0.25 * (places % 3)], axis=1))
    colours[0] = 0
    return np.round(255 * colours).astype(np.uint8)


def _with_lines(image: Image, lines: list[str], colours: list[Any] | None = None) -> Image:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=_TEXT_HEIGHT)
    offset = _GAP if colours is None else _LINE_HEIGHT + _GAP
    needed = [int(font.getlength(line)) + offset + _GAP for line in lines]
    sheet = Image.new(
        "RGB", (max(image.width, *needed, 1), image.height + len(lines) * _LINE_HEIGHT), "white"
    )
    sheet.paste(image, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for place, line in enumerate(lines):
        top = image.height + place * _LINE_HEIGHT
        if colours is not None:
            draw.rectangle((_GAP, top + 2, _LINE_HEIGHT - 2, top + _LINE_HEIGHT - 4), fill=colours[place])
        draw.text((offset, top + _LINE_HEIGHT // 2), line, fill="black", font=font, anchor="lm")
    return sheet


def _tile(encoded: bytes, line: str) -> Image:
    image = decode(encoded)
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return _with_lines(image, [line])


def _row(images: list[Image]) -> Image:
    from PIL import Image

    width = sum(image.width + _GAP for image in images)
    sheet = Image.new("RGB", (max(width, 1), max((image.height for image in images), default=1)), "white")
    left = 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + _GAP
    return sheet
