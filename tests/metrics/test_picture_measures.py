from __future__ import annotations

import math

import numpy as np
import pytest

from kzoo.errors import UsageError
from kzoo.metrics.pictures import mean_absolute_difference, peak_signal_to_noise, structural_similarity


def flat(value: int, size: int = 16) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def test_flat_pictures_by_hand() -> None:
    assert mean_absolute_difference(flat(10), flat(30)) == 20
    assert peak_signal_to_noise(flat(0), flat(255)) == 0
    assert peak_signal_to_noise(flat(10), flat(30)) == pytest.approx(20 * math.log10(255 / 20))
    assert peak_signal_to_noise(flat(7), flat(7)) == math.inf
    # Without variance SSIM is its luminance term alone: (2 m n + c) / (m^2 + n^2 + c), c = (0.01 * 255)^2.
    c = (0.01 * 255) ** 2
    expected = (2 * 10 * 30 + c) / (10**2 + 30**2 + c)
    assert structural_similarity(flat(10), flat(30)) == pytest.approx(expected)


def test_a_difference_within_some_pixels() -> None:
    one, other, within = flat(10), flat(10), np.zeros((16, 16), bool)
    other[:4], within[3:5] = 50, True
    assert mean_absolute_difference(one, other, within) == 20
    for refused in (np.zeros((16, 16), bool), within[:8], within.astype(np.uint8)):
        with pytest.raises(UsageError, match=r"expected bool \(16, 16\) with a pixel that counts"):
            mean_absolute_difference(one, other, refused)


def test_noise_lowers_all_of_them() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    near, far = (
        np.clip(picture + rng.normal(0, scale, picture.shape), 0, 255).astype(np.uint8) for scale in (5, 50)
    )
    assert structural_similarity(picture, picture) == 1
    assert structural_similarity(picture, near) > structural_similarity(picture, far)
    assert peak_signal_to_noise(picture, near) > peak_signal_to_noise(picture, far)
    assert mean_absolute_difference(picture, near) < mean_absolute_difference(picture, far)


@pytest.mark.parametrize("measure", [mean_absolute_difference, peak_signal_to_noise, structural_similarity])
def test_what_cannot_be_compared(measure) -> None:
    with pytest.raises(UsageError, match=r"of one size; received \(16, 16, 3\) and \(8, 8, 3\)"):
        measure(flat(1), flat(1, size=8))
    with pytest.raises(UsageError, match="uint8"):
        measure(flat(1), flat(1).astype("float32"))


def test_a_picture_too_small_for_the_window() -> None:
    with pytest.raises(UsageError, match="11x11"):
        structural_similarity(flat(1, 8), flat(1, 8))
