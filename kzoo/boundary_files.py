"""Files of boundaries: annotations as the Berkeley Segmentation Data Set has them, and soft edge maps."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kzoo.errors import DataError

Masks = npt.NDArray[np.bool_]
SoftMap = npt.NDArray[np.float32]
KINDS = (".png", ".npy")


def read_matlab(path: Path) -> dict[str, Any]:
    """Return the variables of a .mat file of MATLAB 5 to 7, structures as objects.

    Raises:
        DataError: if there is no such file, or it is none of these, or broken.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found: dict[str, Any] = loadmat(path, squeeze_me=True, struct_as_record=False)
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError, zlib.error) as error:
        raise DataError(f"{path} cannot be read as a .mat file: {error}") from error
    return found


def read_boundaries(path: Path, size: tuple[int, int] | None = None) -> Masks:
    """Return the boundaries that each annotator drew, bool (annotators, H, W), of groundTruth{n}.Boundaries.

    Args:
        path: of a .mat file of BSDS500, or of another set in its form.
        size: (height, width) of the image; None for any.

    Raises:
        DataError: if the file cannot be read, has no boundaries, or boundaries of another size or values.
    """
    annotators = np.atleast_1d(read_matlab(path).get("groundTruth", ())).ravel()
    maps = [np.asarray(getattr(one, "Boundaries", None)) for one in annotators]
    if not maps or any(one.ndim != 2 or one.dtype.kind not in "bui" for one in maps):
        raise DataError(f"{path} has no boundaries; expected groundTruth{{n}}.Boundaries of each annotator")
    expected = tuple(size or maps[0].shape)
    for number, one in enumerate(maps, start=1):
        if one.shape != expected:
            raise DataError(f"{path}: boundaries {number} are {one.shape}; expected the image's {expected}")
        if not np.isin(one, (0, 1)).all():
            raise DataError(f"{path}: boundaries {number} go up to {one.max()}; expected 0 and 1")
    return np.stack(maps).astype(np.bool_)


def read_soft_map(folder: Path, name: str, size: tuple[int, int]) -> SoftMap:
    """Return the map of one image: NAME.png, 8 or 16 bits a pixel, or NAME.npy, floats from 0 to 1.

    Args:
        folder: with a map an image.
        name: of the image.
        size: (height, width) of the image.

    Raises:
        DataError: if there is no such file, it cannot be read, or has another size or values outside 0 to 1.
    """
    places = [folder / f"{name}{kind}" for kind in KINDS]
    path = next((one for one in places if one.is_file()), None)
    if path is None:
        raise DataError(f"{name} has no soft edge map: neither {places[0]} nor {places[1]} is there")
    try:
        values = np.load(path, allow_pickle=False) if path.suffix == ".npy" else decoded(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a soft edge map: {error}") from error
    if path.suffix == ".png" and values.dtype.kind in "ui":
        values = values / (255 if values.dtype == np.uint8 else 65535)
    if values.shape != size or values.dtype.kind not in "fb":
        raise DataError(f"{path} is {values.dtype} {values.shape}; expected floats of the image's {size}")
    values = values.astype(np.float32)
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise DataError(f"{path} goes from {values.min():g} to {values.max():g}; expected 0 to 1")
    return values


def decoded(encoded: bytes | Path, mode: str | None = None) -> npt.NDArray[Any]:
    """Return the pixels of an encoded image or of a file, in a mode of Pillow's or in its own.

    Raises:
        DataError: if it cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded) as image:
            return np.asarray(image.convert(mode) if mode else image)
    except (OSError, SyntaxError) as error:
        place = "an image" if isinstance(encoded, bytes) else encoded
        raise DataError(f"{place} cannot be decoded: {error}") from error
