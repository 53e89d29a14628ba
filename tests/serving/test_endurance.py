"""The server under load and abuse, by the benchmarks' own tools; `tools/bench/serving.py` does more of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_evidence import abuse, overload, ready, soak, swap_under_load
from serving_load import Question, closed_loop, questions
from serving_server import FULL, SMALL, Server, export_models, started

pytestmark = pytest.mark.slow
MODELS, VERSIONS = (SMALL, FULL), (1, 2)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models")
    export_models(base)
    return base


@pytest.fixture(scope="module")
def asked(exported: Path) -> list[Question]:
    return questions(exported, MODELS, VERSIONS, 8)


@pytest.fixture(scope="module")
def two_versions(
    exported: Path, asked: list[Question], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("logs") / "server.log"
    with started(exported, log, "--latest-versions", "2") as server:
        ready(server, asked)
        yield server


def test_ten_thousand_concurrent_calls_over_models_and_versions_have_the_right_answers(
    two_versions: Server, asked: list[Question]
) -> None:
    outcome = closed_loop(two_versions.address, asked, clients=16, calls=10_000)
    assert (outcome.calls, outcome.failed, outcome.wrong) == (10_000, 0, 0)


def test_ten_thousand_malformed_requests_do_no_harm(two_versions: Server, asked: list[Question]) -> None:
    seen = abuse(two_versions, asked, 10_000)
    assert seen.faults == []
    assert seen.alive
    assert seen.wrong_afterwards == 0
    assert seen.growth_percent < 5


def test_memory_stays_flat_over_half_a_minute_of_mixed_load(
    two_versions: Server, asked: list[Question]
) -> None:
    seen = soak(two_versions, asked, 30, settle_seconds=10)
    assert (seen.outcome.failed, seen.outcome.wrong) == (0, 0)
    assert seen.growth_percent < 5


def test_no_call_fails_while_versions_are_swapped(exported: Path, tmp_path: Path) -> None:
    export = exported / FULL / "1"
    base = tmp_path / "models"
    (base / FULL).mkdir(parents=True)
    (base / FULL / "1").symlink_to(export, target_is_directory=True)
    asked = questions(base, (FULL,), (1,), 4, newest=True)
    with started(base, tmp_path / "server.log", "--poll-seconds", "0.2") as server:
        ready(server, asked)
        outcome = swap_under_load(server, base, asked, versions=(2, 3, 4))
    assert outcome.calls > 100
    assert (outcome.failed, outcome.wrong) == (0, 0)


def test_what_is_too_much_is_refused_and_the_rest_is_answered_rightly(exported: Path, tmp_path: Path) -> None:
    asked = questions(exported, (FULL,), (1,), 4, batch=16)
    limits = ("--max-concurrent-calls", "4", "--max-queued-calls", "8", "--latest-versions", "2")
    with started(exported, tmp_path / "server.log", *limits) as server:
        ready(server, asked)
        capacity, load = overload(server, asked, [6.0], seconds=4, clients=4)
    assert capacity.outcome.failed == 0
    outcome = load.outcome
    assert set(outcome.statuses) == {"OK", "RESOURCE_EXHAUSTED"}
    assert outcome.wrong == 0
    assert outcome.statuses["RESOURCE_EXHAUSTED"] > outcome.calls / 10
