"""A picture of a source's examples, so that people can look at the data."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from kzoo.data.data_source import DataSource
from kzoo.errors import UsageError
from kzoo.files import write_atomic

_GAP, _TEXT_HEIGHT = 4, 14


def contact_sheet(
    source: DataSource, split: str, path: Path, *, per_class: int = 10, image_size: tuple[int, int] = (64, 64)
) -> None:
    """Write a PNG with a row a class, its name at the left, and the first `per_class` examples of the split.

    Args:
        image_size: (height, width) in pixels of each picture on the sheet.

    Raises:
        UsageError: if `per_class` is below 1, or `path` does not end in ".png".
        UnknownNameError: if the source has no such split.
    """
    from PIL import Image, ImageDraw, ImageFont

    if per_class < 1 or path.suffix.lower() != ".png":
        raise UsageError(
            f"expected per_class of at least 1 and a path ending in .png; received {per_class}, {path}"
        )
    height, width = (side + _GAP for side in image_size)
    row_height = max(height, _TEXT_HEIGHT)
    font = ImageFont.load_default(size=_TEXT_HEIGHT - 2)
    margin = _GAP + int(max(font.getlength(name) for name in source.classes)) + 2 * _GAP
    sheet = Image.new("RGB", (margin + per_class * width, len(source.classes) * row_height + _GAP), "#dddddd")
    draw = ImageDraw.Draw(sheet)
    for label, name in enumerate(source.classes):
        middle = label * row_height + (_GAP + row_height) // 2
        draw.text((_GAP, middle), name, fill="black", font=font, anchor="lm")
    for label, images in enumerate(_first_of_each_class(source, split, per_class, image_size)):
        for column, image in enumerate(images):
            sheet.paste(Image.fromarray(image), (margin + column * width, _GAP + label * row_height))
    png = io.BytesIO()
    sheet.save(png, "PNG")
    write_atomic(path, png.getvalue())


def _first_of_each_class(
    source: DataSource, split: str, count: int, image_size: tuple[int, int]
) -> list[list[np.ndarray]]:
    images: list[list[np.ndarray]] = [[] for _ in source.classes]
    for example in source.read(split, image_size=image_size).as_numpy_iterator():
        if len(images[example["label"]]) < count:
            images[example["label"]].append(example["image"])
        if all(len(row) == count for row in images):
            break
    return images
