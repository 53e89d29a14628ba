"""Recurrent residual fusion: one dense layer for all steps, a normalisation for each, three fusions."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from kzoo.errors import UsageError
from kzoo.layers import RecurrentResidualFusion

WIDTH = 6


def block(steps: int, fusion: str) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((WIDTH,), name="features")
    model = keras.Model(inputs, RecurrentResidualFusion(steps, fusion, name="block")(inputs))
    generator = np.random.default_rng(1)
    for weight in model.weights:  # as after some training, so that no two normalisations agree
        weight.assign(generator.uniform(0.5, 1.5, weight.shape) * (weight + 0.1))
    return model


def unfolded(layer: RecurrentResidualFusion, x: np.ndarray) -> list[np.ndarray]:
    """Return h(x_0) to h(x_T) by eq. 5.2 to 5.4 in NumPy."""
    kernel, bias = (np.array(weight) for weight in layer.dense.weights)
    outputs = []
    for norm in layer.norms:
        gamma, beta, mean, variance = (np.array(weight) for weight in norm.weights)
        normalized = gamma * (x @ kernel + bias - mean) / np.sqrt(variance + norm.epsilon) + beta
        x = np.maximum(normalized, 0) + x
        outputs.append(x)
    return outputs


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
@pytest.mark.parametrize("fusion", ["none", "sum", "conv"])
def test_equals_the_equations(steps: int, fusion: str) -> None:
    model = block(steps, fusion)
    layer = model.get_layer("block")
    x = np.random.default_rng(0).standard_normal((5, WIDTH)).astype("float32")
    outputs = unfolded(layer, x)
    assert len(outputs) == steps + 1
    if fusion == "none":
        expected = outputs[-1]
    elif fusion == "sum":
        expected = sum(outputs)
    else:
        kernel, bias = (np.array(weight) for weight in layer.convolution.weights)
        gamma, beta, mean, variance = (np.array(weight) for weight in layer.fused_norm.weights)
        fused = np.stack(outputs, axis=-1) @ kernel[0, :, 0] + bias
        expected = np.maximum(gamma * (fused - mean) / np.sqrt(variance + layer.fused_norm.epsilon) + beta, 0)
    np.testing.assert_allclose(model(x, training=False), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("steps", [1, 4])
def test_more_steps_share_one_dense_layer_and_have_a_normalisation_each(steps: int) -> None:
    layer = block(steps, "none").get_layer("block")
    kernels = [weight for weight in layer.trainable_weights if tuple(weight.shape) == (WIDTH, WIDTH)]
    assert len(kernels) == 1
    assert kernels[0] is layer.dense.kernel
    assert len({id(norm.gamma) for norm in layer.norms}) == steps + 1
    assert layer.count_params() == WIDTH * (WIDTH + 1) + 4 * WIDTH * (steps + 1)


def test_convolution_begins_as_the_average() -> None:
    inputs = keras.Input((WIDTH,))
    model = keras.Model(inputs, RecurrentResidualFusion(3, "conv", name="block")(inputs))
    kernel, bias = model.get_layer("block").convolution.weights
    np.testing.assert_array_equal(np.ravel(kernel), [0.25] * 4)
    np.testing.assert_array_equal(bias, [0])


@pytest.mark.parametrize("fusion", ["none", "sum", "conv"])
def test_save_and_reload_equal(fusion: str, tmp_path: Path) -> None:
    model = block(2, fusion)
    x = np.random.default_rng(0).standard_normal((5, WIDTH)).astype("float32")
    model.save(tmp_path / "block.keras")
    again = keras.saving.load_model(tmp_path / "block.keras")
    np.testing.assert_array_equal(again(x), model(x))


@pytest.mark.parametrize(("steps", "fusion"), [(0, "conv"), (3, "mean")])
def test_refuses_what_is_not_there(steps: int, fusion: str) -> None:
    with pytest.raises(UsageError, match="steps of 1 or more and a fusion of none, sum, conv"):
        RecurrentResidualFusion(steps, fusion)
