"""Relaxed labels of edges (thesis section 3.2.1): what another detector marks is neither edge nor none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kzoo.errors import DataError

CANNY_SIGMAS = (1.0, 3.0, 5.0, 7.0, 9.0)
SOFT_FACTORS = (0.5, 1.0, 1.5, 2.0, 2.5)
EDGE, RELAXED = 1, 2

Labels = npt.NDArray[np.uint8]


def relaxed_by_canny(image: npt.NDArray[np.uint8], truth: npt.NDArray[np.bool_]) -> Labels:
    """Return the labels R(1) to R(5) of an image, from Canny's edges at five scales.

    Args:
        image: uint8 (H, W, 3).
        truth: its annotated edges, bool (H, W).

    Returns:
        uint8 (5, H, W): 1 on annotated edges, 2 on Canny's other edges at sigma 1, 3, 5, 7, 9, 0 elsewhere.

    Raises:
        DataError: if the sizes differ.
    """
    from skimage.color import rgb2gray
    from skimage.feature import canny

    _check(image.shape[:2], truth)
    gray = rgb2gray(image)
    found = (canny(gray, sigma=sigma) for sigma in CANNY_SIGMAS)  # type: ignore[no-untyped-call]
    return np.stack([relaxed(edges, truth) for edges in found])


def relaxed_by_soft_map(soft: npt.NDArray[np.floating], truth: npt.NDArray[np.bool_]) -> Labels:
    """Return the labels R(1) to R(5) of an image, from a soft edge map at five thresholds.

    Args:
        soft: float (H, W), 0 to 1, as structured edges and gPb give it.
        truth: annotated edges, bool (H, W).

    Returns:
        uint8 (5, H, W): as `relaxed_by_canny`, above .5, 1, 1.5, 2 and 2.5 times the map's mean.

    Raises:
        DataError: if the sizes differ, or the map is not finite or outside 0 to 1.
    """
    _check(soft.shape, truth)
    if not np.isfinite(soft).all() or soft.min() < 0 or soft.max() > 1:
        raise DataError(f"a soft edge map is 0 to 1; received {soft.min()} to {soft.max()}")
    mean = float(soft.mean())
    return np.stack([relaxed((soft > factor * mean), truth) for factor in SOFT_FACTORS])


def relaxed(found: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> Labels:
    """Return R: 1 on annotated edges, 2 on what was found beside them, 0 elsewhere (eq. 3.1, 3.2)."""
    return np.where(truth, EDGE, np.where(found, RELAXED, 0)).astype(np.uint8)


def dilated(truth: npt.NDArray[np.bool_], pixels: int = 1) -> npt.NDArray[np.bool_]:
    """Return annotated edges grown by pixels to each side: for training, never for a test."""
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(truth, np.ones((3, 3), bool), iterations=pixels)) if pixels else truth


def _check(size: tuple[int, ...], truth: npt.NDArray[np.bool_]) -> None:
    if tuple(size) != truth.shape:
        raise DataError(f"annotated edges of {truth.shape} pixels go with an image of {tuple(size)}")
