from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kzoo.losses import segmentation_cross_entropy

LABELS = np.array([[[0, 1], [2, 255]], [[1, 255], [255, 0]]], np.uint8)
LOGITS = np.random.default_rng(0).normal(0, 3, (2, 2, 2, 3))
P = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=-1, keepdims=True)
PLACES = np.argwhere(LABELS != 255)


def test_by_hand() -> None:
    terms = [-np.log(P[n, y, x, LABELS[n, y, x]]) for n, y, x in PLACES]
    mean = segmentation_cross_entropy(LABELS, LOGITS, ignored=255)
    np.testing.assert_allclose(mean, np.sum(terms) / 5, rtol=1e-6)
    summed = segmentation_cross_entropy(LABELS, LOGITS, ignored=255, summed=True)
    np.testing.assert_allclose(summed, np.sum(terms) / 2, rtol=1e-6)


def test_gradient_is_probability_less_one_on_the_class_and_nothing_where_ignored() -> None:
    logits = tf.Variable(LOGITS, dtype=tf.float64)
    with tf.GradientTape() as tape:
        loss = segmentation_cross_entropy(LABELS, logits, ignored=255)
    expected = np.zeros_like(LOGITS)
    for n, y, x in PLACES:
        expected[n, y, x] = (P[n, y, x] - np.eye(3)[LABELS[n, y, x]]) / 5
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_extreme_scores_stay_finite_and_nothing_counted_is_zero(dtype: str) -> None:
    logits = np.array([[[[6e4, -6e4], [-6e4, 6e4]]]], dtype)
    assert np.isfinite(float(segmentation_cross_entropy(np.array([[[1, 1]]]), logits, ignored=255)))
    assert float(segmentation_cross_entropy(np.full((1, 1, 2), 255), logits, ignored=255)) == 0.0
