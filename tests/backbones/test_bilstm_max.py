"""BiLSTM-max: both directions, the maximum over words alone, trainable, and saved."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from kzoo.backbones.bilstm_max import bilstm_max
from kzoo.errors import UsageError


def sentences(words: int, padding: int = 0) -> dict[str, np.ndarray]:
    values = np.random.default_rng(0).normal(size=(2, words, 3)).astype(np.float32)
    return {
        "words": np.pad(values, ((0, 0), (0, padding), (0, 0)), constant_values=7.0),
        "mask": np.pad(np.ones((2, words), bool), ((0, 0), (0, padding))),
    }


def test_maximum_over_both_directions() -> None:
    model = bilstm_max(3, units=4)
    given = sentences(5)
    layer = model.get_layer("bilstm")
    forward = np.asarray(layer.forward_layer(given["words"]))
    backward = np.asarray(layer.backward_layer(given["words"]))
    expected = np.concatenate([forward.max(axis=1), backward.max(axis=1)], axis=1)
    np.testing.assert_allclose(np.asarray(model(given)), expected, atol=1e-6)


def test_padding_changes_nothing() -> None:
    model = bilstm_max(3, units=4)
    padded = np.asarray(model(sentences(5, padding=3)))
    np.testing.assert_allclose(padded, np.asarray(model(sentences(5))), atol=1e-6)


def test_is_trained_and_saved(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = bilstm_max(3, units=4)
    target = np.array([[0.5] * 8, [-0.5] * 8], np.float32)
    model.compile(keras.optimizers.Adam(0.1), "mse")
    losses = model.fit(sentences(5), target, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 10
    model.save(tmp_path / "bilstm_max.keras")
    again = keras.saving.load_model(tmp_path / "bilstm_max.keras")
    np.testing.assert_allclose(np.asarray(again(sentences(5))), np.asarray(model(sentences(5))), atol=1e-6)


def test_sizes() -> None:
    assert bilstm_max(3, units=8).output.shape == (None, 16)
    with pytest.raises(UsageError, match="word_dim is 0"):
        bilstm_max(0)
