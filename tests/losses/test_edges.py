from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.losses import balanced_edge_cross_entropy, edge_cross_entropy

LABELS = np.array([[[1, 0, 2], [0, 1, 0]], [[0, 0, 0], [2, 2, 1]]], np.uint8)
LOGITS = np.random.default_rng(0).normal(0, 3, (2, 2, 3, 1))
P = 1 / (1 + np.exp(-LOGITS[..., 0]))


def by_hand(positive: np.ndarray | float, negative: np.ndarray | float) -> np.ndarray:
    terms = np.where(LABELS == 1, positive * -np.log(P), np.where(LABELS == 0, negative * -np.log(1 - P), 0))
    return terms.sum(axis=(1, 2))


def test_nine_to_one_by_hand() -> None:
    summed = edge_cross_entropy(LABELS, LOGITS, summed=True)
    np.testing.assert_allclose(summed, by_hand(9, 1).mean(), rtol=1e-6)
    np.testing.assert_allclose(edge_cross_entropy(LABELS, LOGITS) * 6, summed, rtol=1e-6)


def test_balanced_by_hand() -> None:
    share = np.array([3 / 5, 3 / 4])[:, None, None]
    expected = by_hand(share, 1 - share).mean()
    np.testing.assert_allclose(balanced_edge_cross_entropy(LABELS, LOGITS, summed=True), expected, rtol=1e-6)


def test_gradient_is_equation_3_5() -> None:
    logits = tf.Variable(LOGITS, dtype=tf.float64)
    with tf.GradientTape() as tape:
        loss = edge_cross_entropy(LABELS, logits, alpha=9.0, beta=1.0, summed=True)
    expected = np.where(LABELS == 1, 9 * (P - 1), np.where(LABELS == 0, P, 0)) / len(LABELS)
    np.testing.assert_allclose(tape.gradient(loss, logits)[..., 0], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", [edge_cross_entropy, balanced_edge_cross_entropy])
def test_extreme_logits_stay_finite(loss: object) -> None:
    logits = keras.ops.convert_to_tensor(np.full((1, 2, 2, 1), 1e4, "float32") * [[[[1], [-1]], [[-1], [1]]]])
    labels = np.array([[[0, 1], [0, 1]]], np.uint8)
    assert np.isfinite(float(loss(labels, logits)))
    assert float(loss(np.full((1, 2, 2), 2, np.uint8), logits)) == 0.0
