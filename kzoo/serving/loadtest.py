"""Load on a server, as a closed loop or an open one, and how long each call took.

In a closed loop each of N clients calls, waits for the answer, and calls again: a slow server is asked less.
In an open loop calls come at a rate, whatever the server does, as those of many independent users do; each is
timed from when it was due, not from when it was sent, so that a stall counts against every call that it held
up, and nothing is left out by what is called coordinated omission.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from kzoo.errors import UsageError
from kzoo.serving.connection import Connection

PREDICT = "/tensorflow.serving.PredictionService/Predict"


@dataclass(frozen=True)
class Load:
    """How much is asked, and for how long.

    Attributes:
        clients: of a closed loop; None for an open one.
        rate: calls a second of an open loop, as a Poisson process; None for a closed one.
        duration_seconds: that are measured; above 0.
        warm_up_seconds: at full load before them, which do not count.
        ramp_seconds: before those, in which clients or rate grow evenly to the full load.
        timeout_seconds: of a call.
        seed: of the arrivals.

    Raises:
        UsageError: unless there is one of `clients` and `rate`, and each value is in its range.
    """

    clients: int | None = None
    rate: float | None = None
    duration_seconds: float = 10.0
    warm_up_seconds: float = 2.0
    ramp_seconds: float = 0.0
    timeout_seconds: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.clients is None) == (self.rate is None):
            raise UsageError(
                f"expected clients or a rate, one of them; received {self.clients} and {self.rate}"
            )
        if self.clients is not None and self.clients < 1:
            raise UsageError(f"clients must be 1 or more; received {self.clients}")
        for name in ("rate", "duration_seconds", "timeout_seconds"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise UsageError(f"{name} must be above 0 and finite; received {value}")
        for name in ("warm_up_seconds", "ramp_seconds"):
            if not (getattr(self, name) >= 0 and math.isfinite(getattr(self, name))):
                raise UsageError(f"{name} must be 0 or more and finite; received {getattr(self, name)}")

    @property
    def measured_from(self) -> float:
        """When what counts begins, in seconds from the start."""
        return self.ramp_seconds + self.warm_up_seconds

    @property
    def ends(self) -> float:
        """When the last call is made, in seconds from the start."""
        return self.measured_from + self.duration_seconds


@dataclass(frozen=True)
class Sample:
    """One call.

    Attributes:
        due: when it was to be made, in seconds from the start.
        sent: when it was made.
        ended: when its answer or its failure was there.
        status: gRPC's name, "OK" for an answer.
    """

    due: float
    sent: float
    ended: float
    status: str

    @property
    def seconds(self) -> float:
        """The time from when the call was due to its end."""
        return self.ended - self.due


def arrivals(load: Load) -> Iterator[float]:
    """Yield when the calls of an open loop are due, in seconds from the start.

    A Poisson process whose rate r(t) is rate * t / ramp up to the end of the ramp and `rate` after it: events
    of a process of rate 1, taken back through the integral of r.
    """
    rate = float(load.rate or 0)
    draws = random.Random(load.seed)
    expected_in_ramp = rate * load.ramp_seconds / 2
    expected = 0.0
    while True:
        expected += draws.expovariate(1)
        if expected < expected_in_ramp:
            due = math.sqrt(2 * load.ramp_seconds * expected / rate)
        else:
            due = load.ramp_seconds + (expected - expected_in_ramp) / rate
        if due >= load.ends:
            return
        yield due


def run_load(
    connection: Connection,
    requests: Sequence[bytes],
    load: Load,
    *,
    progress: Callable[[float], None] = lambda seconds: None,
) -> list[Sample]:
    """Call a server over one connection and return every call that was due in the measured time.

    Args:
        connection: to any server of TensorFlow Serving's protocol.
        requests: serialized PredictRequests, sent in turn.
        load: how many calls, for how long.
        progress: told the seconds since the start, some times a second.

    Raises:
        UsageError: for no requests.
    """
    if not requests:
        raise UsageError("a load test needs one request or more; received none")
    return asyncio.run(_Run(connection, requests, load).samples(progress))


class _Run:
    """One load test in its event loop."""

    def __init__(self, connection: Connection, requests: Sequence[bytes], load: Load) -> None:
        self._connection = connection
        self._requests = itertools.cycle(requests)
        self._load = load
        self._samples: list[Sample] = []
        self._started = 0.0

    async def samples(self, progress: Callable[[float], None]) -> list[Sample]:
        async with self._connection.open(grpc.aio) as channel:
            method = channel.unary_unary(PREDICT)
            self._started = time.perf_counter()
            reporting = asyncio.create_task(self._report(progress))
            try:
                await (self._open(method) if self._load.clients is None else self._closed(method))
            finally:
                reporting.cancel()
        return [
            sample for sample in self._samples if self._load.measured_from <= sample.due < self._load.ends
        ]

    def _now(self) -> float:
        return time.perf_counter() - self._started

    async def _report(self, progress: Callable[[float], None]) -> None:
        while True:
            progress(min(self._now(), self._load.ends))
            await asyncio.sleep(0.25)

    async def _closed(self, method: Any) -> None:
        count = self._load.clients or 0
        begins = [self._load.ramp_seconds * place / count for place in range(count)]
        await asyncio.gather(*(self._client(method, begin) for begin in begins))

    async def _client(self, method: Any, begin: float) -> None:
        await asyncio.sleep(begin)
        while (due := self._now()) < self._load.ends:
            await self._call(method, due)

    async def _open(self, method: Any) -> None:
        in_flight: set[asyncio.Task[None]] = set()
        for due in arrivals(self._load):
            await asyncio.sleep(max(due - self._now(), 0))
            task = asyncio.create_task(self._call(method, due))
            in_flight.add(task)
            task.add_done_callback(in_flight.discard)
        await asyncio.gather(*in_flight)

    async def _call(self, method: Any, due: float) -> None:
        sent = self._now()
        status = "OK"
        try:
            await method(
                next(self._requests),
                timeout=self._load.timeout_seconds,
                metadata=self._connection.metadata(),
            )
        except grpc.RpcError as error:
            status = error.code().name
        self._samples.append(Sample(due, sent, self._now(), status))
