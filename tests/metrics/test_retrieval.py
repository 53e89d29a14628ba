"""Retrieval metrics by hand: average precision, Holidays, Oxford and Paris, N-S."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kzoo.errors import UsageError
from kzoo.metrics.retrieval import average_precision, holidays_map, n_s_score, oxford_map


@pytest.mark.parametrize(
    ("positions", "positives", "expected"),
    [
        ([0], 1, 1.0),
        ([0, 1, 2], 3, 1.0),
        ([1], 1, (0 / 1 + 1 / 2) / 2),
        ([0, 2], 2, (1 + (1 / 2 + 2 / 3) / 2) / 2),
        ([2, 0], 2, (1 + (1 / 2 + 2 / 3) / 2) / 2),
        ([0], 4, 1 / 4),
        ([], 2, 0.0),
    ],
)
def test_average_precision(positions: list[int], positives: int, expected: float) -> None:
    assert average_precision(positions, positives) == pytest.approx(expected)


@given(st.sets(st.integers(0, 40), min_size=1), st.integers(0, 5))
def test_average_precision_is_that_of_oxfords_program(positions: set[int], not_found: int) -> None:
    positives = len(positions) + not_found
    old_recall, old_precision, found, expected = 0.0, 1.0, 0, 0.0
    for rank in range(max(positions) + 1):
        found += rank in positions
        recall, precision = found / positives, found / (rank + 1)
        expected += (recall - old_recall) * (old_precision + precision) / 2
        old_recall, old_precision = recall, precision
    assert average_precision(sorted(positions), positives) == pytest.approx(expected)


def test_average_precision_needs_positives() -> None:
    with pytest.raises(UsageError, match="1 or more"):
        average_precision([], 0)
    with pytest.raises(UsageError, match="2 positives were found of 1"):
        average_precision([0, 1], 1)


def test_holidays_leaves_the_query_out() -> None:
    groups = [0, 0, 0, 1, 1]
    first = [0, 1, 3, 2, 4]
    second = [4, 0, 3, 1, 2]
    expected = [(1 + (1 / 2 + 2 / 3) / 2) / 2, (0 / 1 + 1 / 2) / 2]
    assert holidays_map([first, second], [0, 4], groups) == pytest.approx(100 * np.mean(expected))


def test_holidays_query_need_not_come_first() -> None:
    assert holidays_map([[1, 0, 2]], [0], [0, 0, 1]) == 100.0


def test_holidays_ranking_may_be_cut_off() -> None:
    assert holidays_map([[0, 1]], [0], [0, 0, 0]) == 50.0


def test_oxford_ignores_junk_and_takes_ok_for_good() -> None:
    ranking = [5, 0, 7, 1, 2]
    found = oxford_map([ranking], good=[{0}], ok=[{2}], junk=[{5, 1}])
    assert found == pytest.approx(100 * (1 + (1 / 2 + 2 / 3) / 2) / 2)
    without_junk = oxford_map([ranking], good=[{0}], ok=[{2}], junk=[set()])
    assert without_junk == pytest.approx(100 * ((0 / 1 + 1 / 2) / 2 + (1 / 4 + 2 / 5) / 2) / 2)


def test_n_s_counts_the_query_itself() -> None:
    groups = [0, 0, 0, 0, 1, 1, 1, 1]
    rankings = [[0, 1, 2, 3, 4, 5, 6, 7], [4, 0, 5, 1, 2, 3, 6, 7]]
    assert n_s_score(rankings, [0, 4], groups) == 3.0


@pytest.mark.parametrize(
    ("rankings", "queries", "message"),
    [
        ([[0, 0, 1, 2]], [0], "twice"),
        ([[0, 1, 2, 9]], [0], "beyond 4"),
        ([[0, -1, 2, 3]], [0], "beyond 4"),
        ([[0, 1, 2, 3]], [0, 1], "received 1, 2"),
        ([], [], "one or more"),
    ],
)
def test_rankings_that_cannot_be(rankings: list[list[int]], queries: list[int], message: str) -> None:
    for metric in (holidays_map, n_s_score):
        with pytest.raises(UsageError, match=message):
            metric(rankings, queries, [0, 0, 1, 1])


def test_n_s_needs_four() -> None:
    with pytest.raises(UsageError, match="first 4"):
        n_s_score([[0, 1, 2]], [0], [0, 0, 1, 1])


def test_oxford_needs_sets_for_every_query() -> None:
    with pytest.raises(UsageError, match="1, 0, 1 for 1"):
        oxford_map([[0]], good=[{0}], ok=[], junk=[set()])
