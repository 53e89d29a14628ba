"""One call: how long its caller waits for it, and what an observer is told of it afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from kzoo.serving.errors import CancelledError, DeadlineExceededError


class Call:
    """The caller's patience: a deadline, and whether the caller has gone.

    Attributes:
        timeout_seconds: what the caller gave, counted from the making of this object; None for no deadline.
        observer: told of the call in place of the core's own observers, by a protocol that has more to say of
            it than the core knows.
    """

    def __init__(self, timeout_seconds: float | None = None, observer: Observer | None = None) -> None:
        self.timeout_seconds = timeout_seconds
        self.observer = observer
        self._deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._lock = threading.Lock()
        self._cancelled = False
        self._wake: Callable[[], None] | None = None

    def remaining_seconds(self) -> float | None:
        """Return the time left, 0 or more; None without a deadline."""
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)

    def cancel(self) -> None:
        """Note that nobody waits for the answer any more; from any thread, any number of times."""
        with self._lock:
            self._cancelled = True
            wake = self._wake
        if wake is not None:
            wake()

    def wake_on_cancel(self, wake: Callable[[], None] | None) -> None:
        """Have `wake` called by `cancel`, at once if that was before; None for nothing any more."""
        with self._lock:
            self._wake = wake
            cancelled = self._cancelled
        if cancelled and wake is not None:
            wake()

    def check(self) -> None:
        """Make sure that somebody still waits for the answer.

        Raises:
            CancelledError: if the caller has gone.
            DeadlineExceededError: if the time is over.
        """
        if self._cancelled:
            raise CancelledError("the caller has gone")
        if self.remaining_seconds() == 0:
            raise DeadlineExceededError(f"not begun within the {self.timeout_seconds:.3g} seconds given")


@dataclass
class Progress:
    """What becomes known of a call while it is answered.

    Attributes:
        version: that answers; None before one is chosen.
        signature: the name asked for, several joined by commas, empty where the method has none.
        batch_size: rows that the graph ran at once, those of other calls included; 0 if it did not run.
        queue_seconds: time spent waiting for a place and for the batch to begin.
        runtime_seconds: time that the graph took, with what a batch waited for.
    """

    version: int | None = None
    signature: str = ""
    batch_size: int = 0
    queue_seconds: float = 0.0
    runtime_seconds: float = 0.0


@dataclass(frozen=True)
class CallRecord:
    """A call that has ended, as observers see it.

    Attributes:
        method: as "Predict"; over REST as it stands in the path, "predict".
        model: its name, as the request gives it: there may be no such model.
        version, signature, batch_size, queue_seconds, runtime_seconds: as in Progress.
        status_code: gRPC's name, "OK" or for example "NOT_FOUND".
        error: what the caller was told; empty for OK.
        latency_seconds: from the request's arrival to its answer.
        request, response: the messages; no response unless the status is OK.
        entrypoint: "GRPC" or "REST".
    """

    method: str
    model: str
    version: int | None
    signature: str
    status_code: str
    error: str
    latency_seconds: float
    batch_size: int
    queue_seconds: float
    request: Message | Any
    response: Message | Any | None
    runtime_seconds: float = 0.0
    entrypoint: str = "GRPC"


Observer = Callable[[CallRecord], None]
