from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.layers import ResizeTo

MAPS = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")


@pytest.mark.parametrize("size", [(5, 7), (10, 14), (13, 9), (3, 4), (1, 1)])
def test_it_is_the_bilinear_interpolation_of_keras(size: tuple[int, int]) -> None:
    found = ResizeTo()([MAPS, np.zeros((2, *size, 1), "float32")])
    expected = tf.image.resize(MAPS, size, method="bilinear", antialias=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sizes_may_be_known_only_when_the_graph_runs() -> None:
    small, large = keras.Input((None, None, 3)), keras.Input((None, None, 1))
    model = keras.Model([small, large], ResizeTo(name="resized")([small, large]))
    assert model.output.shape == (None, None, None, 3)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((None, None, None, 1))])
    def run(maps: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        return model([maps, target])

    assert run(MAPS, np.zeros((2, 6, 4, 1), "float32")).shape == (2, 6, 4, 3)
