"""A server under pressure: overload, deadlines, callers that vanish, models that fail, its end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from serving_models import Stubs, predict_request, spec_of, write_calculator
from test_lifecycle import eventually

from kzoo.serving import RunningServer, ServerConfig, serve
from kzoo.serving.call import CallRecord

SECONDS_OF_WORK = 400  # rounds
WORK = spec_of("calculator", "work")


def work(rounds: int = SECONDS_OF_WORK) -> Any:
    return predict_request(WORK, x=np.array([3], np.float32), rounds=np.array([rounds], np.int32))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models")
    for version in (1, 2):
        write_calculator(base / "calculator" / str(version), factor=version)
    return base


@pytest.fixture
def records() -> list[CallRecord]:
    return []


@pytest.fixture
def narrow(base: Path, records: list[CallRecord]) -> Iterator[RunningServer]:
    """Answers one call at a time and lets one wait."""
    config = ServerConfig(base, port=0, max_concurrent_calls=1, max_queued_calls=1)
    with serve(config, [records.append]) as server:
        assert server.wait_until_loaded(60)
        yield server


@pytest.fixture
def channel(narrow: RunningServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(narrow.address) as channel:
        yield channel


def of_status(records: list[CallRecord], status: str) -> list[CallRecord]:
    return [record for record in records if record.status_code == status]


def test_calls_whose_time_is_over_or_whose_caller_has_gone_are_not_begun(
    channel: grpc.Channel, records: list[CallRecord]
) -> None:
    stubs = Stubs(channel)
    running = stubs.prediction.Predict.future(work(), timeout=60)
    late = eventually(lambda: _queued(stubs, running, timeout=0.05))
    assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    eventually(lambda: of_status(records, "DEADLINE_EXCEEDED"))
    given_up = stubs.prediction.Predict.future(work(), timeout=60)
    eventually(lambda: _is_full(stubs))
    given_up.cancel()
    cancelled = eventually(lambda: of_status(records, "CANCELLED"))
    assert not running.done()
    assert running.result().outputs["y"].dtype
    for record in (*of_status(records, "DEADLINE_EXCEEDED"), *cancelled):
        assert (record.method, record.version, record.batch_size) == ("Predict", None, 0)
    answered = of_status(records, "OK")[-1]
    assert (answered.model, answered.version, answered.signature) == ("calculator", 2, "work")
    assert answered.batch_size == 1
    assert answered.latency_seconds > 0


def _queued(stubs: Stubs, running: Any, timeout: float) -> Any:
    """A call that waited behind the one that is running, until its time was over."""
    call = stubs.prediction.Predict.future(work(1), timeout=timeout)
    return call if call.exception() is not None and not running.done() else None


def _is_full(stubs: Stubs) -> bool:
    try:
        stubs.prediction.Predict(work(0), timeout=5)
    except grpc.RpcError as error:
        return bool(error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED)
    return False


def test_a_caller_that_vanishes_in_the_middle_leaves_a_server_that_answers(
    narrow: RunningServer, records: list[CallRecord]
) -> None:
    gone = grpc.insecure_channel(narrow.address)
    Stubs(gone).prediction.Predict.future(work(), timeout=60)
    with grpc.insecure_channel(narrow.address) as channel:
        stubs = Stubs(channel)
        waiting = stubs.prediction.Predict.future(work(1), timeout=60)
        gone.close()
        assert waiting.exception() is None
        assert stubs.scale("calculator", 5) == 10


def test_a_model_that_fails_does_no_harm_to_other_calls(base: Path) -> None:
    config = ServerConfig(base, port=0, latest_versions=2)
    with serve(config) as server, ThreadPoolExecutor(8) as pool:
        assert server.wait_until_loaded(60)
        with grpc.insecure_channel(server.address) as channel:
            stubs = Stubs(channel)

            def ask(number: int) -> float | str:
                try:
                    return stubs.scale("calculator", number if number % 3 else -1, version=1 + number % 2)
                except grpc.RpcError as error:
                    return str(error.code().name)

            outcomes = list(pool.map(ask, range(300)))
    expected = [number * (1 + number % 2) if number % 3 else "INVALID_ARGUMENT" for number in range(300)]
    assert outcomes == expected
