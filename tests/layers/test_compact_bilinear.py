"""Compact bilinear pooling: count sketches by hand, eq. 7.6 over many seeds, hashes that are saved."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.layers import BilinearPooling, CompactBilinearPooling, SignedSquareRoot

M = 6


def vectors(seed: int, rows: int = 3) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.standard_normal((rows, M)) for _ in range(2)]


@pytest.mark.parametrize("dimension", [1, 5, 8])
def test_equals_the_sketch_of_the_outer_product(dimension: int) -> None:
    """Element (i, j) of the outer product goes to h1(i) + h2(j) modulo D, with both signs."""
    layer = CompactBilinearPooling(dimension, seed=2, dtype="float64")
    first, second = vectors(0)
    found = layer([first, second])
    places, signs = ([np.array(one) for one in both] for both in (layer.places, layer.signs))
    expected = np.zeros((3, dimension))
    for i in range(M):
        for j in range(M):
            place = (places[0][i] + places[1][j]) % dimension
            expected[:, place] += signs[0][i] * signs[1][j] * first[:, i] * second[:, j]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_expected_inner_product_is_that_of_the_outer_products() -> None:
    """Eq. 7.6: the mean over seeds nears the product of the two inner products."""
    (x, y), (v, w) = vectors(0, rows=1), vectors(1, rows=1)
    expected = (x @ v.T).item() * (y @ w.T).item()
    found = []
    for seed in range(100):
        layer = CompactBilinearPooling(1024, seed=seed, dtype="float64")
        one, other = np.array(layer([np.concatenate([x, v]), np.concatenate([y, w])]))
        found.append(one @ other)
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - expected) < 4 * error
    assert error < 0.02 * np.linalg.norm(x) * np.linalg.norm(y) * np.linalg.norm(v) * np.linalg.norm(w)


def test_hashes_come_from_the_seed_and_are_saved_untrained(tmp_path: Path) -> None:
    inputs = [keras.Input((M,), name=name) for name in ("first", "second")]
    model = keras.Model(inputs, CompactBilinearPooling(16, seed=5, name="pooling")(inputs))
    assert not model.trainable_weights
    assert len(model.non_trainable_weights) == 4
    data = [one.astype("float32") for one in vectors(0)]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(data), model(data))
    np.testing.assert_array_equal(CompactBilinearPooling(16, seed=5)(data), model(data))
    assert np.any(np.array(CompactBilinearPooling(16, seed=6)(data)) != np.array(model(data)))
    places = model.get_layer("pooling").places
    assert np.any(np.array(places[0]) != np.array(places[1]))


def test_gradient_reaches_both_inputs() -> None:
    first, second = (tf.constant(one) for one in vectors(0, rows=2))
    layer = CompactBilinearPooling(16, dtype="float64")
    theoretical, numerical = tf.test.compute_gradient(lambda a, b: layer([a, b]), [first, second])
    for one, other in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_bilinear_pooling_is_the_outer_product() -> None:
    first, second = vectors(0)
    found = BilinearPooling(dtype="float64")([first, second])
    expected = np.stack([np.outer(a, b).ravel() for a, b in zip(first, second, strict=True)])
    np.testing.assert_allclose(found, expected)


def test_signed_square_root_and_its_gradient_at_0() -> None:
    x = tf.constant([-4.0, 0.0, 9.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        roots = SignedSquareRoot()(x)
    np.testing.assert_allclose(roots, [-2, 0, 3], atol=2e-4)
    assert np.all(np.isfinite(tape.gradient(roots, x)))
