"""Refuses encoded images that would unpack to too many pixels, by their headers, before any decoder."""

from __future__ import annotations

import io
from collections.abc import Iterable

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Image import DecompressionBombError
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from kzoo.serving.errors import InvalidArgumentError

# By how files begin: the formats that TensorFlow's `decode_image` takes.
_READERS: dict[bytes, type[ImageFile]] = {
    b"\x89PNG": PngImageFile,
    b"\xff\xd8\xff": JpegImageFile,
    b"GIF8": GifImageFile,
    b"BM": BmpImageFile,
}


def check_pixels(values: Iterable[bytes], max_pixels: int) -> None:
    """Make sure that no value is an image of more than `max_pixels`, all frames of a GIF together.

    Values that are no images, and images whose header cannot be read, pass: their decoder says what is wrong.

    Raises:
        InvalidArgumentError: naming the value by its place, its size, and what is allowed.
    """
    for place, value in enumerate(values):
        try:
            width, height, frames = _size(value)
        except DecompressionBombError as error:  # a GIF's frame larger than its screen
            raise InvalidArgumentError(f"image {place} has a frame of too many pixels: {error}") from error
        if width * height * frames > max_pixels:
            of_frames = f" in {frames} frames" if frames > 1 else ""
            raise InvalidArgumentError(
                f"image {place} is of {width} x {height} pixels{of_frames}; at most {max_pixels} are decoded"
            )


def _size(value: bytes) -> tuple[int, int, int]:
    """Return width, height and frames; (0, 0, 0) where no header can be read.

    Raises:
        DecompressionBombError: for a frame of a GIF of more pixels than Pillow goes through.
    """
    reader = next((reader for start, reader in _READERS.items() if value.startswith(start)), None)
    if reader is None:
        return 0, 0, 0
    try:
        with reader(io.BytesIO(value)) as image:
            frames = image.n_frames if isinstance(image, GifImageFile) else 1
            return (*image.size, frames)
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError):
        return 0, 0, 0
