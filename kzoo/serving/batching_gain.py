"""Whether a signature gains by batches, found out from its own calls.

On a processor without an accelerator most convolutional networks take as long for a row in a batch as for one
alone, and the batcher's hand-over costs something; a wide dense layer, or an accelerator, gains many times
over. No rule says which: so both ways are tried in turn, and the better one is kept most of the time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 0.5
WINDOW_CALLS = 32
FIRST_HOLD, LONGEST_HOLD = 2, 32  # times as long as the trial before took
NEEDED_GAIN = 1.05  # below, a call alone has the better latency


@dataclass(frozen=True)
class Turn:
    """How one call is run.

    Attributes:
        batched: whether to batch it.
        trial: number of the trial, of one way, during which it began.
    """

    batched: bool
    trial: int


class BatchingGain:
    """Says of each call whether to batch it; threads share it.

    Only the time counts during which calls overlap: a call that finds no other one is never batched. Rows a
    second are measured in windows of WINDOW_SECONDS of such time and WINDOW_CALLS calls. After one window of
    each way, the better way is held FIRST_HOLD times as long as trying the other one took, then that is tried
    again; each time that this changes nothing, it is held twice as long, up to LONGEST_HOLD times.

    After a change of ways nothing is measured until the calls of the old way have ended and one of the new
    way has: they would be taken for the new way's, and the first batch waits for its queue to be made.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._seen = 0.0  # by the clock
        self._now = 0.0  # seconds during which calls overlapped
        self._rates: dict[bool, float] = {}  # rows a second
        self._best = False
        self._held = 1
        self._hold_until = 0.0
        self._batching = False
        self._trial = 0
        self._trial_from = 0.0
        self._settled = True
        self._of_earlier_trials = 0  # calls at work
        self._begin_window()

    def begin(self) -> Turn:
        """Count a call in, and say how to run it."""
        with self._lock:
            self._advance()
            self._running += 1
            return Turn(self._batching and self._running > 1, self._trial)

    def end(self, turn: Turn, rows: int) -> None:
        """Count a call of so many rows out."""
        with self._lock:
            self._advance()
            if turn.trial != self._trial:
                self._of_earlier_trials -= 1
            elif not self._settled and self._of_earlier_trials == 0:
                self._settled = True
                self._begin_window()
            elif self._settled and self._running > 1:
                self._rows += rows
                self._calls += 1
            self._running -= 1
            if self._now - self._window_from >= WINDOW_SECONDS and self._calls >= WINDOW_CALLS:
                self._close_window()

    def _advance(self) -> None:
        seen = self._clock()
        if self._running > 1:
            self._now += seen - self._seen
        self._seen = seen

    def _begin_window(self) -> None:
        self._window_from, self._rows, self._calls = self._now, 0, 0

    def _close_window(self) -> None:
        rate = self._rows / (self._now - self._window_from)
        self._rates[self._batching] = (rate + self._rates.get(self._batching, rate)) / 2
        self._begin_window()
        if self._batching != self._best:
            self._decide()
        elif self._now >= self._hold_until:
            self._trial_from = self._now
            self._go_on_with(not self._best)

    def _decide(self) -> None:
        better = self._rates[True] > NEEDED_GAIN * self._rates[False]
        self._held = min(2 * self._held, LONGEST_HOLD) if better == self._best else FIRST_HOLD
        self._hold_until = self._now + self._held * (self._now - self._trial_from)
        self._best = better
        self._go_on_with(better)

    def _go_on_with(self, batching: bool) -> None:
        if batching != self._batching:
            self._batching = batching
            self._trial += 1
            self._of_earlier_trials = self._running
            self._settled = False
