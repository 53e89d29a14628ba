from __future__ import annotations

import pytest

from kzoo.serving.batching_gain import MAX_HELD_WINDOWS, WINDOW_CALLS, WINDOW_SECONDS, BatchingGain


class Load:
    """Two callers that always overlap, on a clock of their own."""

    def __init__(self, rate_alone: float, rate_batched: float) -> None:
        self.now = 0.0
        self.rates = {False: rate_alone, True: rate_batched}
        self.seconds = {False: 0.0, True: 0.0}
        self.gain = BatchingGain(lambda: self.now)
        assert not self.gain.begin()

    def run(self, calls: int) -> list[bool]:
        chosen = []
        for _ in range(calls):
            chosen.append(self.gain.begin())
            step = 1 / self.rates[chosen[-1]]
            self.now += step
            self.seconds[chosen[-1]] += step
            self.gain.end(1)
        return chosen


def test_a_call_that_finds_no_other_is_never_batched() -> None:
    gain = BatchingGain()
    for _ in range(10 * WINDOW_CALLS):
        assert not gain.begin()
        gain.end(1)


def test_both_ways_are_tried_for_a_window_each() -> None:
    load = Load(100, 1000)
    per_window = int(100 * WINDOW_SECONDS)
    assert not any(load.run(per_window))
    assert all(load.run(int(1000 * WINDOW_SECONDS)))


@pytest.mark.parametrize(
    ("alone", "batched", "best"), [(100, 300, True), (300, 100, False), (200, 200, False)]
)
def test_the_better_way_is_taken_nearly_always(alone: float, batched: float, best: bool) -> None:
    load = Load(alone, batched)
    load.run(200_000)
    assert load.seconds[best] > 0.95 * load.now


def test_a_gain_that_comes_later_is_found() -> None:
    load = Load(300, 100)
    load.run(100_000)
    load.rates[True] = 900
    load.run(int(2 * MAX_HELD_WINDOWS * WINDOW_SECONDS * 300))
    chosen = load.run(1000)
    assert sum(chosen) > 900
