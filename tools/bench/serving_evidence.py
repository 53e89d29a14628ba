"""What the server must hold under load and abuse; each function does it once and returns what it saw."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from serving_fuzz import Malformed, malformed_requests
from serving_load import CALL_SECONDS, Outcome, Question, closed_loop, is_right, open_loop, raw_call
from serving_server import Server

from kzoo.serving import Client

FUZZ_CLIENTS = 8
PARTS = 10
FAULTS = ("INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS", "ABORTED")

Watch = Callable[[float], None]


def unwatched(share: float) -> None:
    """Take the share of the work that is done, and tell nobody."""


@dataclass(frozen=True)
class Fault:
    """A request that parses, and yet ended in a status that says the server is at fault."""

    request: Malformed
    status: str
    details: str


@dataclass
class Abuse:
    """What malformed requests did.

    Attributes:
        statuses: (kind, gRPC's status name) to how many.
        faults: requests that should have been refused in another way.
        alive: whether the process still ran.
        wrong_afterwards: of the questions asked after it, how many had no right answer.
        resident: bytes held after each tenth of the requests.
    """

    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    alive: bool = False
    wrong_afterwards: int = 0
    resident: list[int] = field(default_factory=list)

    @property
    def growth_percent(self) -> float:
        """Memory at the end over that after three tenths: by then, every kind has come many times."""
        return growth_percent(self.resident[2:])


def growth_percent(resident: Sequence[int]) -> float:
    """Return by how much the last quarter's mean memory is above the first quarter's, in percent."""
    quarter = max(1, len(resident) // 4)
    first, last = sum(resident[:quarter]), sum(resident[-quarter:])
    return 100.0 * (last / first - 1)


def ready(server: Server, asked: Sequence[Question]) -> None:
    """Wait until every version that is asked for is live."""
    with Client(server.address, timeout_seconds=120) as client:
        for model, version in sorted({(one.model, one.version) for one in asked}):
            client.wait_until_ready(model, version=version)


def abuse(
    server: Server, asked: Sequence[Question], count: int, *, seed: int = 0, watch: Watch = unwatched
) -> Abuse:
    """Send `count` malformed requests over eight connections at once, then ask every question.

    Args:
        server: to be abused.
        asked: questions that it must still answer.
        count: 10 or more.
        seed: of the requests.
        watch: told the share that was sent.
    """
    seen, requests = Abuse(), malformed_requests(count, seed)
    with ThreadPoolExecutor(FUZZ_CLIENTS) as pool:
        for part in range(PARTS):
            size = count * (part + 1) // PARTS - count * part // PARTS
            chosen = [next(requests) for _ in range(size)]
            shares = [chosen[start::FUZZ_CLIENTS] for start in range(FUZZ_CLIENTS)]
            for ended in pool.map(lambda share: list(_send(server, share)), shares):
                for one, status, details in ended:
                    seen.statuses[one.kind, status] += 1
                    if one.parses and status in FAULTS:
                        seen.faults.append(Fault(one, status, details))
            seen.resident.append(server.resident_bytes())
            watch((part + 1) / PARTS)
    seen.alive = server.process.poll() is None
    seen.wrong_afterwards = len(asked) - _answered_rightly(server, asked)
    return seen


def _send(server: Server, share: Sequence[Malformed]) -> Iterator[tuple[Malformed, str, str]]:
    with grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        for one in share:
            call = channel.unary_unary(one.method).future(one.message, timeout=CALL_SECONDS)
            yield one, call.code().name, call.details() or ""


def _answered_rightly(server: Server, asked: Sequence[Question]) -> int:
    with raw_call(server.address) as call:
        return sum(is_right(call(one.message, timeout=CALL_SECONDS), one) for one in asked)


@contextmanager
def _background_load(address: str, asked: Sequence[Question], clients: int) -> Iterator[Outcome]:
    """Have clients ask until the block ends; the outcome is complete after it."""
    total, stop = Outcome(), threading.Event()

    def run() -> None:
        total.add(closed_loop(address, asked, clients, stop=stop))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield total
    finally:
        stop.set()
        thread.join()


def swap_under_load(
    server: Server, base: Path, asked: Sequence[Question], versions: Sequence[int], clients: int = 4
) -> Outcome:
    """Put new versions of the first question's model into place while clients ask for the newest.

    Args:
        server: of `base`, with one live version a model.
        base: folder of models.
        asked: questions without a version, all of one model, whose versions answer alike.
        versions: put into place one by one, as copies of version 1; higher ones than are there.
        clients: that ask.
    """
    model = asked[0].model
    with _background_load(server.address, asked, clients) as outcome, Client(server.address) as client:
        for version in versions:
            aside = base / model / f".{version}.part"
            shutil.copytree(base / model / "1", aside)
            aside.rename(base / model / str(version))
            client.wait_until_ready(model, version=version, timeout_seconds=120)
            time.sleep(0.5)
    return outcome


@dataclass
class Soak:
    """What a long run did.

    Attributes:
        outcome: of the questions.
        seconds, resident: when memory was looked at, and what it was.
    """

    outcome: Outcome
    seconds: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    @property
    def growth_percent(self) -> float:
        """Memory of the last quarter over that of the first, in percent."""
        return growth_percent(self.resident)


def soak(
    server: Server,
    asked: Sequence[Question],
    seconds: float,
    *,
    clients: int = 4,
    settle_seconds: float = 20.0,
    watch: Watch = unwatched,
) -> Soak:
    """Keep clients asking, with a malformed request in between, and look at the memory all the while.

    Args:
        server: to be asked.
        asked: the questions.
        seconds: how long memory is looked at.
        clients: that ask.
        settle_seconds: of the same load before, in which threads and arenas come to be.
        watch: told the share of the time that is over.
    """
    requests = malformed_requests(1 << 30, seed=1)
    with _background_load(server.address, asked, clients) as outcome:
        seen, begin = Soak(outcome), time.monotonic() + settle_seconds
        while (now := time.monotonic() - begin) < seconds:
            list(_send(server, [next(requests)]))
            if now >= 0:
                seen.seconds.append(now)
                seen.resident.append(server.resident_bytes())
                watch(now / seconds)
            time.sleep(max(0.05, seconds / 500))
    return seen


@dataclass(frozen=True)
class Load:
    """One rate of calls, and what became of them."""

    offered_per_second: float
    seconds: float
    outcome: Outcome


def overload(
    server: Server, asked: Sequence[Question], factors: Sequence[float], seconds: float, clients: int = 8
) -> list[Load]:
    """Find what the server answers a second, then offer multiples of it; the first entry is the finding."""
    capacity = closed_loop(server.address, asked, clients, seconds=seconds)
    rate = capacity.statuses["OK"] / seconds
    offered = [factor * rate for factor in factors]
    loads = [Load(one, seconds, open_loop(server.address, asked, one, seconds)) for one in offered]
    return [Load(rate, seconds, capacity), *loads]
