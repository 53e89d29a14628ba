"""Global contrast normalisation: the definition, by hand and as a property."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kzoo.layers import global_contrast_normalize


def test_two_pixels_by_hand() -> None:
    image = np.array([[[[1.0], [3.0]]]], dtype="float32")  # mean 2, deviation 1
    np.testing.assert_allclose(global_contrast_normalize(image), [[[[-1.0], [1.0]]]])
    np.testing.assert_allclose(global_contrast_normalize(image, scale=55.0), [[[[-55.0], [55.0]]]])


def test_each_image_is_normalised_by_itself() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    together = np.asarray(global_contrast_normalize(images))
    alone = np.concatenate([global_contrast_normalize(image[None]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_an_image_of_one_colour_becomes_zeros() -> None:
    grey = np.full((1, 4, 4, 3), 137, dtype=np.uint8)
    np.testing.assert_array_equal(global_contrast_normalize(grey), np.zeros((1, 4, 4, 3)))


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.uint8, (1, 6, 5, 3)), st.floats(0.5, 2.0), st.floats(-50, 50))
def test_zero_mean_unit_deviation_and_no_change_by_brightness_or_contrast(image, gain, offset) -> None:
    normal = np.asarray(global_contrast_normalize(image.astype("float64")))
    if image.std() == 0:
        np.testing.assert_allclose(normal, 0, atol=1e-4)
        return
    np.testing.assert_allclose([normal.mean(), normal.std()], [0, 1], atol=1e-9)
    np.testing.assert_allclose(global_contrast_normalize(image * gain + offset), normal, atol=1e-6)
