"""Annotated boundaries in the files of the Berkeley Segmentation Data Set: a .mat file an image."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kzoo.errors import DataError

Masks = npt.NDArray[np.bool_]


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
