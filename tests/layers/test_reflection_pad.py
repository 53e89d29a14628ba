from __future__ import annotations

import keras
import numpy as np
import pytest

from kzoo.layers import ReflectionPad2D


def test_the_border_is_mirrored_without_itself() -> None:
    image = np.arange(9, dtype="float32").reshape(1, 3, 3, 1)
    padded = keras.ops.convert_to_numpy(ReflectionPad2D(1)(image))[0, ..., 0]
    assert padded.tolist() == [
        [4, 3, 4, 5, 4],
        [1, 0, 1, 2, 1],
        [4, 3, 4, 5, 4],
        [7, 6, 7, 8, 7],
        [4, 3, 4, 5, 4],
    ]


@pytest.mark.parametrize("padding", [1, 2, 3])
def test_the_same_as_numpy(padding: int) -> None:
    images = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    sides = (padding, padding)
    expected = np.pad(images, ((0, 0), sides, sides, (0, 0)), mode="reflect")
    np.testing.assert_array_equal(ReflectionPad2D(padding)(images), expected)


def test_shapes_and_configuration() -> None:
    layer = ReflectionPad2D(3, name="pad")
    assert layer(keras.Input((None, 8, 2))).shape == (None, None, 14, 2)
    assert ReflectionPad2D.from_config(layer.get_config()).padding == 3


def test_what_cannot_be_padded() -> None:
    with pytest.raises(ValueError, match="at least 1; received 0"):
        ReflectionPad2D(0)
    with pytest.raises(ValueError, match="needs more than 3 pixels a side"):
        ReflectionPad2D(3)(keras.Input((3, 8, 1)))
