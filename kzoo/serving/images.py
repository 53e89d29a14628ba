"""Pictures as a client has them, made into the encoded bytes that `image_bytes` takes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kzoo.errors import DataError, UsageError

Image = str | Path | bytes | np.ndarray

_MODE_OF_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}


def encode_images(images: Iterable[Image]) -> np.ndarray:
    """Return encoded images as an object array (N,) of bytes.

    Args:
        images: each the path of a PNG, JPEG, GIF or BMP file, its bytes, or uint8 (H, W), (H, W, 1),
            (H, W, 3) or (H, W, 4), which becomes a PNG. A uint8 array (N, H, W, C) is N images.

    Raises:
        DataError: if a file cannot be read.
        UsageError: for no images, or something that is none of these.
    """
    if isinstance(images, str | bytes | Path):
        raise UsageError("images must be a sequence; received a single one: put it into a list")
    encoded = [_encode(image) for image in images]
    if not encoded:
        raise UsageError("images must be one or more; received none")
    array = np.empty(len(encoded), object)
    array[:] = encoded
    return array


def _encode(image: Image) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, str | Path):
        try:
            return Path(image).read_bytes()
        except OSError as error:
            raise DataError(f"the image {image} cannot be read: {error.strerror}") from error
    if isinstance(image, np.ndarray):
        return _encode_png(image)
    raise UsageError(f"an image is a path, bytes or a uint8 array; received {type(image).__name__}")


def _encode_png(pixels: np.ndarray) -> bytes:
    import PIL.Image

    channels = 1 if pixels.ndim == 2 else pixels.shape[-1]
    if (
        pixels.dtype != np.uint8
        or pixels.ndim not in (2, 3)
        or channels not in _MODE_OF_CHANNELS
        or not pixels.size
    ):
        raise UsageError(
            "an image array must be uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) and not empty; received "
            f"{pixels.dtype} {pixels.shape}"
        )
    flat = pixels[..., 0] if pixels.ndim == 3 and channels == 1 else pixels
    file = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(flat), _MODE_OF_CHANNELS[channels]).save(
        file, "PNG", compress_level=1
    )
    return file.getvalue()
