from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from kzoo.evaluation.statistics import mean_interval, proportion_interval


def test_interval_by_hand() -> None:
    found = mean_interval([1.0, 2.0, 3.0])
    reach = 4.302652729911275 / math.sqrt(3)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0 - reach, 2.0 + reach))
    assert found.half_width == pytest.approx(reach)


def test_interval_is_that_of_scipy() -> None:
    values = np.random.default_rng(1).normal(40, 2, 7)
    expected = stats.t.interval(0.95, 6, loc=values.mean(), scale=stats.sem(values))
    found = mean_interval(list(values))
    assert (found.low, found.high) == pytest.approx(expected)


def test_one_value_has_no_interval() -> None:
    found = mean_interval([5.0])
    assert found.value == 5.0
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_wilson_by_hand() -> None:
    z = 1.959963984540054
    centre, reach = (0.8 + z * z / 20) / (1 + z * z / 10), z / (1 + z * z / 10)
    reach *= math.sqrt(0.8 * 0.2 / 10 + z * z / 400)
    found = proportion_interval(8, 10)
    assert (found.value, found.low, found.high) == pytest.approx((0.8, centre - reach, centre + reach))
