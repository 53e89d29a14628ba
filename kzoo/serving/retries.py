"""How long a call may take, and when it is made again."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass

import grpc

from kzoo.errors import UsageError
from kzoo.serving.errors import CallError, error_of_status

MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class RetryPolicy:
    """Calls that find the server unavailable are made again after a pause; nothing else is retried.

    Attributes:
        timeout_seconds: time that a call may take, with all its attempts and pauses; above 0.
        max_attempts: 1 to 5.
        first_backoff_seconds: mean pause before the second attempt; above 0. Means double up to
            `max_backoff_seconds`; each pause is drawn evenly from 0 to twice its mean, so that clients of a
            server that comes back do not call all at once ("full jitter").
        max_backoff_seconds: the longest mean pause.

    Raises:
        UsageError: for a value out of its range.
    """

    timeout_seconds: float = 30.0
    max_attempts: int = MAX_ATTEMPTS
    first_backoff_seconds: float = 0.1
    max_backoff_seconds: float = 2.0

    def __post_init__(self) -> None:
        check_timeout(self.timeout_seconds)
        if not 1 <= self.max_attempts <= MAX_ATTEMPTS:
            raise UsageError(f"max_attempts must be 1 to {MAX_ATTEMPTS}; received {self.max_attempts}")
        for name in ("first_backoff_seconds", "max_backoff_seconds"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be above 0; received {getattr(self, name)}")

    def longest_pause(self, attempt: int) -> float:
        """Return the most seconds between `attempt`, from 1, and the next one."""
        return 2 * min(self.first_backoff_seconds * 2 ** (attempt - 1), self.max_backoff_seconds)


def check_timeout(seconds: float) -> None:
    """Make sure that a call can have so much time.

    Raises:
        UsageError: if it is not above 0 and finite.
    """
    if not (seconds > 0 and math.isfinite(seconds)):
        raise UsageError(f"timeout_seconds must be above 0 and finite; received {seconds}")


class Attempts:
    """The attempts of one call, counted against its deadline; it neither calls nor sleeps."""

    def __init__(self, policy: RetryPolicy, address: str, timeout_seconds: float | None) -> None:
        seconds = policy.timeout_seconds if timeout_seconds is None else timeout_seconds
        check_timeout(seconds)
        self._policy = policy
        self._address = address
        self._deadline = time.monotonic() + seconds
        self._made = 0

    def seconds_left(self) -> float:
        """Return the time that the next attempt may take."""
        return max(self._deadline - time.monotonic(), 0.0)

    def pause_after(self, error: grpc.RpcError) -> float:
        """Return the seconds to wait before the next attempt.

        Raises:
            CallError: of the status's class, if this attempt was the last one.
        """
        self._made += 1
        pause = random.uniform(0, self._policy.longest_pause(self._made))
        last = self._made >= self._policy.max_attempts or pause >= self.seconds_left()
        if error.code() is not grpc.StatusCode.UNAVAILABLE or last:
            raise self.named(error) from error
        return pause

    def named(self, error: grpc.RpcError) -> CallError:
        """Return the error of a status, with the server's address before its message."""
        return error_of_status(error.code().name, f"{self._address}: {error.details()}")
