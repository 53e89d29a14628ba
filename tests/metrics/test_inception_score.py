from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kzoo.errors import UsageError
from kzoo.metrics.inception import inception_score


def by_definition(logits: np.ndarray, splits: int) -> tuple[float, float]:
    """Return the score as Salimans et al. print it: a loop over splits, pictures and classes."""
    scores = []
    for number in range(splits):
        part = logits[number * len(logits) // splits : (number + 1) * len(logits) // splits]
        rows = [[math.exp(one) / sum(map(math.exp, row)) for one in row] for row in part.tolist()]
        marginal = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        total = sum(p * math.log(p / q) for row in rows for p, q in zip(row, marginal, strict=True))
        scores.append(math.exp(total / len(rows)))
    mean = sum(scores) / splits
    return mean, math.sqrt(sum((score - mean) ** 2 for score in scores) / splits)


def test_the_least_and_the_most_that_it_can_be() -> None:
    assert inception_score(np.zeros((20, 7))) == pytest.approx((1, 0))
    assert inception_score(np.tile([5.0, 1, 0], (20, 1))) == pytest.approx((1, 0))
    sure_and_varied = np.tile(1000 * np.eye(4), (10, 1))
    assert inception_score(sure_and_varied, seed=None) == pytest.approx((4, 0))
    assert inception_score(np.tile([1000.0, 0, 0], (20, 1))) == pytest.approx((1, 0)), "classes nobody has"


def test_two_pictures_by_hand() -> None:
    logits = np.log([[0.9, 0.1], [0.3, 0.7]])
    divergence = 0.9 * math.log(0.9 / 0.6) + 0.1 * math.log(0.1 / 0.4)
    divergence += 0.3 * math.log(0.3 / 0.6) + 0.7 * math.log(0.7 / 0.4)
    assert inception_score(logits, splits=1) == pytest.approx((math.exp(divergence / 2), 0))


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(2, 9), st.integers(6, 40))
@settings(max_examples=50, deadline=None)
def test_as_defined(seed: int, splits: int, classes: int, count: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (count, classes))
    found = inception_score(logits, splits=splits, seed=None)
    assert found == pytest.approx(by_definition(logits, splits), rel=1e-9, abs=1e-9)
    assert 1 - 1e-9 <= found.mean <= classes + 1e-9


def test_the_order_is_that_of_the_seed() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (40, 5))
    order = np.random.RandomState(2020).permutation(40)
    assert inception_score(logits) == inception_score(logits[order], seed=None)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (np.zeros((20, 1)), r"expected finite logits \(N, K\)"),
        (np.zeros(20), "of 2 classes or more"),
        (np.full((20, 3), np.nan), "60 of them not finite"),
        (np.zeros((9, 3)), "9 pictures cannot be divided into 10 splits"),
    ],
)
def test_what_cannot_be_scored(logits: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        inception_score(logits)
