"""Edge maps: checks, thinning, and non-maximum suppression across the edge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from kzoo.errors import DataError, UsageError

SoftMap = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

_FLATNESS = 1e-5


def checked_map(edges: npt.NDArray[np.generic], name: str = "the edge map") -> npt.NDArray[np.float64]:
    """Return a soft edge map (H, W) as float64, if it is one.

    Raises:
        DataError: if it has another number of axes, no pixels, or values that are NaN or outside 0 to 1; the
            message begins with `name`.
    """
    values = np.asarray(edges)
    if values.ndim != 2 or not values.size:
        raise DataError(f"{name} is an array of shape {values.shape}; expected (height, width)")
    if values.dtype.kind not in "fb":
        raise DataError(f"{name} holds {values.dtype}; expected floats from 0 to 1")
    values = values.astype(np.float64)
    missing = int(np.count_nonzero(np.isnan(values)))
    if missing:
        raise DataError(f"{name} is NaN at {missing} of {values.size} pixels; expected numbers from 0 to 1")
    if values.min() < 0 or values.max() > 1:
        raise DataError(f"{name} goes from {values.min():g} to {values.max():g}; expected values from 0 to 1")
    return values


def thin(mask: Mask) -> Mask:
    """Return the mask (H, W) thinned to lines of one pixel, connected as before.

    Until nothing changes, as MATLAB's bwmorph(mask, "thin", inf): Guo and Hall 1989, conditions G1 to G3 of
    Lam, Lee and Suen 1992.

    Raises:
        UsageError: if scikit-image is not installed.
    """
    try:
        from skimage import morphology

        thinned: Callable[[Mask], Mask] = morphology.thin
    except ImportError as error:
        raise UsageError(
            'thinning needs scikit-image, which is not installed: pip install "kzoo[data]"'
        ) from error
    return np.asarray(thinned(mask), np.bool_)


def non_maximum_suppression(
    edges: SoftMap, *, radius: int = 1, border: int = 5, multiplier: float = 1.01
) -> npt.NDArray[np.float64]:
    """Return the soft map with 0 where a neighbour across the edge is higher, as edge detectors are measured.

    The map is smoothed by a triangle of radius 1; the orientation comes from second differences of it
    smoothed by one of radius 4; values fall to 0 over the last `border` pixels of the image. These are the
    steps and the settings of the Structured Edge toolbox (Dollar and Zitnick 2015), which the HED maps were
    measured with.

    Args:
        edges: float (H, W), 0 to 1, at least 2 x 2.
        radius: how many pixels on either side are compared.
        border: pixels; 0 leaves the values near the image's border.
        multiplier: of a pixel's own value in the comparison.

    Raises:
        DataError: if the map is not as said.
    """
    values = checked_map(edges)
    if min(values.shape) < 2:
        raise DataError(f"an edge map of {values.shape} has no orientation; expected 2 x 2 pixels or more")
    smooth = _triangle(values, 1)
    angle = _orientation(_triangle(values, 4))
    rows, columns = np.indices(values.shape, dtype=np.float64)
    highest = np.ones(values.shape, np.bool_)
    for step in range(-radius, radius + 1):
        if step:
            across = _sample(smooth, rows + step * np.sin(angle), columns + step * np.cos(angle))
            highest &= smooth * multiplier >= across
    return np.where(highest, smooth, 0.0) * _faded(values.shape, border)


def _orientation(smooth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the angle across the edge in radians, 0 to pi."""
    down, right = np.gradient(smooth)
    along_right = np.gradient(right, axis=1)
    mixed, along_down = np.gradient(right, axis=0), np.gradient(down, axis=0)
    return np.mod(np.arctan(along_down * np.sign(-mixed) / (along_right + _FLATNESS)), np.pi)


def _triangle(values: npt.NDArray[np.float64], radius: int) -> npt.NDArray[np.float64]:
    from scipy.ndimage import correlate1d

    weights = np.concatenate([np.arange(1, radius + 2), np.arange(radius, 0, -1)]) / (radius + 1) ** 2
    return correlate1d(correlate1d(values, weights, 0, mode="reflect"), weights, 1, mode="reflect")


def _sample(
    values: npt.NDArray[np.float64], rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    from scipy.ndimage import map_coordinates

    return map_coordinates(values, [rows, columns], order=1, mode="nearest")


def _faded(shape: tuple[int, ...], border: int) -> npt.NDArray[np.float64]:
    sides = []
    for length in shape:
        place = np.arange(length)
        to_side = np.minimum(place, length - 1 - place)
        sides.append(np.minimum(1.0, to_side / border) if border else np.ones(length))
    return np.outer(sides[0], sides[1])
