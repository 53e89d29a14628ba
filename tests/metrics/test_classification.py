from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kzoo.errors import UsageError
from kzoo.metrics.classification import (
    confusion_matrix,
    cross_entropy,
    error_percent,
    evaluate,
    majority_accuracy,
    measures,
    top_k_error_percent,
)


def test_error_of_one_wrong_in_four() -> None:
    assert error_percent(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0])) == 25.0


def test_top_k_by_hand() -> None:
    scores = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    labels = np.array([0, 1, 2])
    assert top_k_error_percent(labels, scores, 1) == pytest.approx(200 / 3)
    assert top_k_error_percent(labels, scores, 2) == pytest.approx(100 / 3)
    assert top_k_error_percent(labels, scores, 3) == 0.0


def test_of_equal_scores_the_lower_index_is_higher() -> None:
    scores = np.zeros((3, 3))
    assert top_k_error_percent(np.array([0, 1, 2]), scores, 1) == pytest.approx(200 / 3)
    assert top_k_error_percent(np.array([0, 1, 2]), scores, 2) == pytest.approx(100 / 3)


def test_confusion_by_hand() -> None:
    counted = confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    assert counted.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_cross_entropy_by_hand() -> None:
    logits = np.array([[0.0, 0.0], [math.log(3.0), 0.0]])
    assert cross_entropy(np.array([0, 1]), logits) == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_cross_entropy_of_huge_logits_is_finite() -> None:
    assert cross_entropy(np.array([1]), np.array([[1e30, 0.0]])) == pytest.approx(1e30)


def test_majority_by_hand() -> None:
    assert majority_accuracy(np.array([2, 2, 0, 1, 2])) == 0.6


cases = st.tuples(st.integers(1, 40), st.integers(2, 9)).flatmap(
    lambda shape: st.tuples(
        arrays.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)),
        arrays.arrays(np.float64, shape, elements=st.integers(-3, 3).map(float)),
    )
)


@settings(deadline=None)
@given(cases)
def test_top_1_is_the_error_of_argmax_and_all_classes_have_none(case: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = case
    assert top_k_error_percent(labels, scores, 1) == error_percent(labels, scores.argmax(axis=1))
    assert top_k_error_percent(labels, scores, scores.shape[1]) == 0.0


@settings(deadline=None)
@given(cases)
def test_agrees_with_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn import metrics

    labels, scores = case
    classes = scores.shape[1]
    predictions = scores.argmax(axis=1)
    expected = metrics.confusion_matrix(labels, predictions, labels=range(classes))
    assert confusion_matrix(labels, predictions, classes).tolist() == expected.tolist()
    assert error_percent(labels, predictions) == pytest.approx(
        100 * metrics.zero_one_loss(labels, predictions)
    )
    odds = np.exp(scores)
    expected_loss = metrics.log_loss(labels, odds / odds.sum(axis=1, keepdims=True), labels=range(classes))
    assert cross_entropy(labels, scores) == pytest.approx(expected_loss)


def test_top_k_agrees_with_scikit_learn_on_distinct_scores() -> None:
    from sklearn.metrics import top_k_accuracy_score

    generator = np.random.default_rng(3)
    labels, scores = generator.integers(0, 8, 200), generator.normal(size=(200, 8))
    for k in (2, 3, 5):
        expected = 100 * (1 - top_k_accuracy_score(labels, scores, k=k, labels=range(8)))
        assert top_k_error_percent(labels, scores, k) == pytest.approx(expected)


def test_top_5_is_given_for_more_than_five_classes_only() -> None:
    labels = np.zeros(2, np.int64)
    assert "top_5_error_percent" not in measures(labels, np.zeros((2, 5)))
    assert measures(labels, np.zeros((2, 6)))["top_5_error_percent"] == 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_scores_that_are_not_finite_are_named(value: float) -> None:
    scores = np.zeros((3, 2))
    scores[1, 0] = value
    with pytest.raises(UsageError, match="1 of 3 examples have others, the first is example 1"):
        measures(np.zeros(3, np.int64), scores)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        (np.array([], np.int64), np.zeros((0, 2)), "N >= 1"),
        (np.array([0.5]), np.zeros((1, 2)), "integers"),
        (np.array([0, 1]), np.zeros((1, 2)), "received 1 and 2"),
        (np.array([2]), np.zeros((1, 2)), r"0..1; received 2 to 2"),
        (np.array([-1]), np.zeros((1, 2)), "received -1"),
        (np.array([0]), np.zeros(2), r"\(N, classes\)"),
    ],
)
def test_bad_input_is_named(labels: np.ndarray, scores: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        measures(labels, scores)


def test_k_out_of_range() -> None:
    with pytest.raises(UsageError, match=r"1\.\.2"):
        top_k_error_percent(np.array([0]), np.zeros((1, 2)), 3)


def test_evaluate_runs_a_model_over_batches() -> None:
    import keras

    image = keras.Input((3,))
    model = keras.Model(image, keras.layers.Dropout(0.5)(image))
    batches = [
        (np.eye(3, dtype="float32"), np.array([0, 1, 0])),
        (np.eye(3, dtype="float32")[:1], np.array([0])),
    ]
    found = evaluate(model, batches)
    assert found["error_percent"] == 25.0
    assert found["accuracy"] == 0.75
    assert found["majority_accuracy"] == 0.75
    with pytest.raises(UsageError, match="one batch or more"):
        evaluate(model, [])
