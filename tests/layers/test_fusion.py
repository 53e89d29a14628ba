"""The three fusions against the thesis's equations, worked by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kzoo.layers import ConvolutionFusion, LocallyConnectedFusion, SumFusion

G1 = np.array([[1.0, 2.0]], dtype="float32")
G2 = np.array([[3.0, -4.0]], dtype="float32")


def built(layer: keras.layers.Layer, *branches: np.ndarray) -> keras.layers.Layer:
    layer.build([branch.shape for branch in branches])
    return layer


def test_sum_fusion_adds_and_has_no_weights() -> None:
    layer = built(SumFusion(), G1, G2)
    np.testing.assert_array_equal(layer([G1, G2]), [[4.0, -2.0]])
    assert layer.weights == []


def test_convolution_fusion_shares_its_weights_over_elements() -> None:
    layer = built(ConvolutionFusion(), G1, G2)
    layer.set_weights([np.array([2.0, 0.5]), np.array(-1.0)])
    np.testing.assert_allclose(layer([G1, G2]), [[2 * 1 + 0.5 * 3 - 1, 2 * 2 + 0.5 * -4 - 1]])


def test_equation_2_3_by_hand() -> None:
    layer = built(LocallyConnectedFusion(), G1, G2)
    kernel = np.array([[0.5, 1.0], [2.0, 3.0]], dtype="float32")
    layer.set_weights([kernel[..., None], np.array([0.25, 1.0])])
    first = 0.5 * 1 + 1.0 * 3 + 0.25
    second = max(0.0, 2.0 * 2 + 3.0 * -4 + 1.0)
    np.testing.assert_allclose(layer([G1, G2]), [[first, second]])


def test_equation_2_5_gradient_with_respect_to_the_side_outputs() -> None:
    layer = built(LocallyConnectedFusion(), G1, G2)
    kernel = np.array([[0.5, 1.0], [2.0, 3.0]], dtype="float32")
    layer.set_weights([kernel[..., None], np.zeros(2)])
    branches = [tf.Variable(G1), tf.Variable(G2)]
    upstream = np.array([[7.0, 11.0]], dtype="float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(upstream * layer(branches))
    gradients = tape.gradient(loss, branches)
    # The first element is positive (3.5), so its gradient passes; the second is cut by the ReLU (-8).
    np.testing.assert_allclose(gradients[0], [[7.0 * 0.5, 0.0]])
    np.testing.assert_allclose(gradients[1], [[7.0 * 1.0, 0.0]])


@pytest.mark.parametrize("branches", [2, 3, 5])
def test_weights_start_at_one_over_the_number_of_branches(branches: int) -> None:
    inputs = [np.full((1, 4), 6.0, dtype="float32")] * branches
    layer = built(LocallyConnectedFusion(), *inputs)
    np.testing.assert_allclose(layer.kernel.numpy(), 1 / branches)
    np.testing.assert_array_equal(layer.bias.numpy(), np.zeros(4))
    np.testing.assert_allclose(layer(inputs), inputs[0], rtol=1e-6)
    assert layer.count_params() == 4 * (branches + 1)


@settings(max_examples=25, deadline=None)
@given(
    elements=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    branches=st.integers(2, 4),
    seed=st.integers(0, 2**16),
)
def test_any_shape_equals_einsum(elements: list[int], branches: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    inputs = [random.standard_normal((2, *elements)).astype("float32") for _ in range(branches)]
    layer = built(LocallyConnectedFusion(activation="linear"), *inputs)
    kernel = random.standard_normal((*elements, branches)).astype("float32")
    bias = random.standard_normal(elements).astype("float32")
    layer.set_weights([kernel[..., None], bias])
    expected = np.einsum("n...s,...s->n...", np.stack(inputs, -1), kernel) + bias
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-4, atol=1e-5)


def test_channel_window_sees_neighbours_and_zeros_beyond_the_ends() -> None:
    one = np.array([[1.0, 2.0, 3.0]], dtype="float32")
    two = np.zeros_like(one)
    layer = built(LocallyConnectedFusion(channel_window=3), one, two)
    np.testing.assert_allclose(layer([one, one]), one)  # neighbours start at 0
    kernel = np.zeros((3, 2, 3), dtype="float32")
    kernel[:, 0] = [10.0, 1.0, 100.0]
    layer.set_weights([kernel, np.zeros(3)])
    expected = [[1 + 100 * 2, 10 * 1 + 2 + 100 * 3, 10 * 2 + 3]]
    np.testing.assert_allclose(layer([one, two]), expected)


def test_conditioned_weights_start_static_and_depend_on_the_example() -> None:
    random = np.random.default_rng(0)
    inputs = [random.random((3, 5)).astype("float32") for _ in range(2)]
    static = built(LocallyConnectedFusion(), *inputs)
    layer = built(LocallyConnectedFusion(conditioned_units=4), *inputs)
    np.testing.assert_allclose(layer(inputs), static(inputs), rtol=1e-6)
    layer.excite.assign(random.standard_normal(layer.excite.shape))
    hidden = np.maximum(np.concatenate(inputs, -1) @ layer.squeeze.numpy(), 0)
    correction = (hidden @ layer.excite.numpy()).reshape(3, 5, 2)
    expected = np.maximum(((0.5 + correction) * np.stack(inputs, -1)).sum(-1), 0)
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-4, atol=1e-5)


def test_grid_weights_are_exact_on_their_own_grid_and_fit_any_size() -> None:
    random = np.random.default_rng(0)
    maps = [random.random((2, 4, 6, 3)).astype("float32") for _ in range(2)]
    fixed = built(LocallyConnectedFusion(), *maps)
    grid = built(LocallyConnectedFusion(grid=(4, 6)), *maps)
    weights = [random.standard_normal(w.shape) for w in fixed.weights]
    fixed.set_weights(weights)
    grid.set_weights(weights)
    np.testing.assert_allclose(grid(maps), fixed(maps), rtol=1e-5, atol=1e-6)
    larger = [random.random((1, 9, 5, 3)).astype("float32") for _ in range(2)]
    assert grid(larger).shape == (1, 9, 5, 3)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (SumFusion(), [(None, 3)], "two or more"),
        (SumFusion(), [(None, 3), (None, 4)], "one shape"),
        (ConvolutionFusion(), (None, 3), "list of two or more"),
        (LocallyConnectedFusion(), [(None, None, 3)] * 2, "fixed shape"),
        (LocallyConnectedFusion(grid=(2, 2)), [(None, 3)] * 2, "grid"),
        (LocallyConnectedFusion(conditioned_units=2), [(None, 4, 4, 3)] * 2, "conditioned_units"),
    ],
)
def test_wrong_branches_are_refused_by_name(layer: keras.layers.Layer, shapes: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.build(shapes)


@pytest.mark.parametrize("window", [0, 2, -1])
def test_even_or_empty_windows_are_refused(window: int) -> None:
    with pytest.raises(ValueError, match="odd and positive"):
        LocallyConnectedFusion(channel_window=window)


def test_keras_file_round_trip_keeps_every_option(tmp_path) -> None:
    inputs = [keras.Input((6,)) for _ in range(3)]
    layer = LocallyConnectedFusion(activation="tanh", channel_window=3, conditioned_units=2, name="fusion")
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "fusion.keras")
    again = keras.saving.load_model(tmp_path / "fusion.keras", safe_mode=True)
    values = [np.random.default_rng(i).random((2, 6)).astype("float32") for i in range(3)]
    np.testing.assert_array_equal(again.predict(values, verbose=0), model.predict(values, verbose=0))
    assert again.get_layer("fusion").get_config() == layer.get_config()
