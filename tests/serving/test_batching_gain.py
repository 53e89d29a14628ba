from __future__ import annotations

import heapq
import random

import pytest

from kzoo.serving.batching_gain import (
    LONGEST_HOLD,
    NEEDED_GAIN,
    WINDOW_CALLS,
    WINDOW_SECONDS,
    BatchingGain,
    Turn,
)


class Load:
    """Callers that ask again at once, of a server that answers so many rows a second either way.

    All share it, on a clock of their own: a call among N takes N / rate seconds, a fifth more or less.
    """

    def __init__(self, rate_alone: float, rate_batched: float, callers: int = 2) -> None:
        self.now = 0.0
        self.rates = {False: rate_alone, True: rate_batched}
        self.seconds = {False: 0.0, True: 0.0}
        self.gain = BatchingGain(lambda: self.now)
        self.at_work: list[tuple[float, int, Turn]] = []
        self.callers = callers
        self.random = random.Random(0)
        for caller in range(callers):
            self.now = caller / callers / rate_alone  # they do not begin at the same moment
            self.ask(caller)

    def ask(self, caller: int) -> bool:
        turn = self.gain.begin()
        seconds = self.callers / self.rates[turn.batched] * self.random.uniform(0.8, 1.2)
        heapq.heappush(self.at_work, (self.now + seconds, caller, turn))
        return turn.batched

    def run(self, calls: int) -> list[bool]:
        chosen = []
        for _ in range(calls):
            now, caller, turn = heapq.heappop(self.at_work)
            self.seconds[turn.batched] += now - self.now
            self.now = now
            self.gain.end(turn, 1)
            chosen.append(self.ask(caller))
        return chosen


def test_a_call_that_finds_no_other_is_never_batched() -> None:
    gain = BatchingGain()
    for _ in range(10 * WINDOW_CALLS):
        turn = gain.begin()
        assert not turn.batched
        gain.end(turn, 1)


def test_both_ways_are_tried() -> None:
    load = Load(100, 1000)
    assert not any(load.run(int(90 * WINDOW_SECONDS)))
    assert sum(load.run(int(1000 * WINDOW_SECONDS))) > 900 * WINDOW_SECONDS


@pytest.mark.parametrize("callers", [2, 64])
@pytest.mark.parametrize(
    ("alone", "batched", "best"), [(100, 300, True), (300, 100, False), (200, 200, False), (30, 90, True)]
)
def test_the_better_way_is_taken_nearly_always_in_the_end(
    alone: float, batched: float, best: bool, callers: int
) -> None:
    load = Load(alone, batched, callers)
    load.run(40_000)
    load.seconds = {False: 0.0, True: 0.0}
    load.run(40_000)
    assert load.seconds[best] > 0.95 * sum(load.seconds.values())


def test_calls_of_the_way_before_do_not_count_for_the_one_after() -> None:
    """128 callers have four windows' calls at work when the way changes."""
    load = Load(30, 90, callers=4 * WINDOW_CALLS)
    load.run(60 * WINDOW_CALLS)
    rates = load.gain._rates
    assert rates[True] / rates[False] > 2 > NEEDED_GAIN


def test_a_gain_that_comes_later_is_found() -> None:
    load = Load(300, 100)
    load.run(40_000)
    load.rates[True] = 900
    load.run(int(6 * LONGEST_HOLD * WINDOW_SECONDS * 300))
    chosen = load.run(1000)
    assert sum(chosen) > 900
