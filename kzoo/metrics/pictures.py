"""How near one picture is to another: mean absolute difference, PSNR and SSIM."""

from __future__ import annotations

import numpy as np

from kzoo.errors import UsageError


def mean_absolute_difference(one: np.ndarray, other: np.ndarray, within: np.ndarray | None = None) -> float:
    """Return the mean of |one - other| over pixels and channels, 0 to 255.

    Args:
        one, other: uint8 (H, W, 3).
        within: bool (H, W), the pixels that count; all of them if left out.

    Raises:
        UsageError: for pictures of other types or sizes, or if no pixel counts.
    """
    _check(one, other)
    difference = np.abs(one.astype(np.float64) - other)
    if within is None:
        return float(np.mean(difference))
    if within.dtype != bool or within.shape != one.shape[:2] or not within.any():
        raise UsageError(
            f"expected bool {one.shape[:2]} with a pixel that counts; received {within.dtype} {within.shape} "
            f"with {np.count_nonzero(within)}"
        )
    return float(np.mean(difference[within]))


def peak_signal_to_noise(one: np.ndarray, other: np.ndarray) -> float:
    """Return 10 log10(255^2 / mean square difference) in decibel; infinite for equal pictures.

    Args:
        one, other: uint8 (H, W, 3).
    """
    _check(one, other)
    square = np.mean(np.square(one.astype(np.float64) - other))
    return float(10 * np.log10(255**2 / square)) if square else float("inf")


def structural_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Return SSIM (Wang et al. 2004), at most 1, by a Gaussian window of deviation 1.5, mean over channels.

    Args:
        one, other: uint8 (H, W, 3), 11x11 pixels or more.
    """
    from skimage.metrics import structural_similarity as similarity

    _check(one, other)
    if min(one.shape[:2]) < 11:
        raise UsageError(f"SSIM needs pictures of 11x11 pixels or more; received {one.shape}")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    found = similarity(one, other, data_range=255, channel_axis=-1, **options)  # type: ignore[no-untyped-call]
    return float(found)


def _check(one: np.ndarray, other: np.ndarray) -> None:
    for picture in (one, other):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[-1] != 3:
            raise UsageError(f"expected a picture uint8 (H, W, 3); received {picture.dtype} {picture.shape}")
    if one.shape != other.shape:
        raise UsageError(f"expected pictures of one size; received {one.shape} and {other.shape}")
