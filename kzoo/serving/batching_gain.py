"""Whether a signature gains by batches, found out from its own calls.

On a processor without an accelerator most convolutional networks take as long for a row in a batch as for one
alone, and the batcher's hand-over costs something; a wide dense layer, or an accelerator, gains many times
over. No rule says which: so both ways are tried in turn, and the better one is kept most of the time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

WINDOW_SECONDS = 0.2
WINDOW_CALLS = 16
MAX_HELD_WINDOWS = 64
NEEDED_GAIN = 1.05  # below, a call alone has the better latency


class BatchingGain:
    """Says of each call whether to batch it; threads share it.

    Only the time counts during which calls overlap: a call that finds no other one is never batched. Rows a
    second are measured in windows of WINDOW_SECONDS of such time and WINDOW_CALLS calls. After one window of
    each way, the better way is held for two windows, then the other one is tried for a window again; each
    time that this changes nothing it is held twice as long, up to MAX_HELD_WINDOWS.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._since = 0.0
        self._overlapped_seconds = 0.0
        self._rows = 0
        self._calls = 0
        self._rates: dict[bool, float] = {}
        self._best = False
        self._batching = False  # of this window
        self._held = 1
        self._windows_left = 1

    def begin(self) -> bool:
        """Count a call in, and say whether to batch it."""
        with self._lock:
            self._advance()
            self._running += 1
            return self._batching and self._running > 1

    def end(self, rows: int) -> None:
        """Count a call of so many rows out."""
        with self._lock:
            self._advance()
            if self._running > 1:
                self._rows += rows
                self._calls += 1
            self._running -= 1
            if self._overlapped_seconds >= WINDOW_SECONDS and self._calls >= WINDOW_CALLS:
                self._close_window()

    def _advance(self) -> None:
        now = self._clock()
        if self._running > 1:
            self._overlapped_seconds += now - self._since
        self._since = now

    def _close_window(self) -> None:
        rate = self._rows / self._overlapped_seconds
        before = self._rates.get(self._batching, rate)
        self._rates[self._batching] = (rate + before) / 2
        self._rows, self._calls, self._overlapped_seconds = 0, 0, 0.0
        self._windows_left -= 1
        if self._windows_left == 0:
            self._choose_next()

    def _choose_next(self) -> None:
        """After the way that was held, try the other one; after that, hold the better."""
        if self._batching == self._best:
            self._batching, self._windows_left = not self._best, 1
            return
        better = self._rates[True] > NEEDED_GAIN * self._rates[False]
        self._held = min(2 * self._held, MAX_HELD_WINDOWS) if better == self._best else 2
        self._best = self._batching = better
        self._windows_left = self._held
