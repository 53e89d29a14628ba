"""A bounded number of calls at work, and a bounded queue before them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from kzoo.serving.call import Call
from kzoo.serving.errors import ResourceExhaustedError


class Admission:
    """Lets so many calls work at a time, so many wait in their order, and refuses the rest at once."""

    def __init__(self, limit: int, queue_limit: int) -> None:
        """Prepare the places.

        Args:
            limit: calls at work, 1 or more.
            queue_limit: calls waiting, 0 or more.
        """
        self._limit = limit
        self._queue_limit = queue_limit
        self._lock = threading.Lock()
        self._working = 0
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def admit(self, call: Call) -> Iterator[float]:
        """Take a place until the block ends, and give the seconds that it was waited for.

        Raises:
            ResourceExhaustedError: if all places are taken and the queue is full.
            CancelledError, DeadlineExceededError: if nobody waits for the answer any more; as long as it
                queues, a call notices that at once and leaves.
        """
        started = time.monotonic()
        place = self._take_or_queue()
        if place is not None:
            self._wait(place, call)
        try:
            call.check()
            yield time.monotonic() - started
        finally:
            self._release()

    def at_work(self) -> int:
        """Return how many calls have a place now."""
        with self._lock:
            return self._working

    def _take_or_queue(self) -> threading.Event | None:
        """Return None if a place was free, else what is set once there is one."""
        with self._lock:
            if self._working < self._limit:
                self._working += 1
                return None
            if len(self._waiting) >= self._queue_limit:
                raise ResourceExhaustedError(
                    f"{self._limit} calls are being answered already and {self._queue_limit} wait, "
                    "the most allowed"
                )
            place = threading.Event()
            self._waiting.append(place)
            return place

    def _wait(self, place: threading.Event, call: Call) -> None:
        call.wake_on_cancel(place.set)
        while not place.wait(call.remaining_seconds()) and call.remaining_seconds() != 0:
            pass  # a wait may end a moment early
        call.wake_on_cancel(None)
        with self._lock:
            if place not in self._waiting:
                return  # it was handed a place
            self._waiting.remove(place)
        call.check()
        raise AssertionError("a call was woken without a reason")

    def _release(self) -> None:
        """Hand the place to the call that has waited longest, or free it."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._working -= 1
