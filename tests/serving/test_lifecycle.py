"""Versions that come and go, overload, and the end of a server: all in processes of their own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import processes
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from serving_helpers import SIZE, WARM_UP, StartServer, write_model

from kzoo.errors import ServingError
from kzoo.serving import Client, ServerConfig, serve
from kzoo.serving.errors import (
    CallError,
    FailedPreconditionError,
    NotFoundError,
    ResourceExhaustedError,
)
from kzoo.serving.status import VersionStatus

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)
SLOW_ROUNDS = np.int32(300)  # some seconds


def ask(client: Client, model: str = "tiny", version: int | None = None) -> np.ndarray:
    answer = client.predict(model, {"image": IMAGES}, signature="serving_tensor", version=version)
    return answer["probabilities"]


def answer_in_process(folder: Path) -> np.ndarray:
    loaded = tf.saved_model.load(str(folder))
    answer: np.ndarray = loaded.signatures["serving_tensor"](image=IMAGES)["probabilities"].numpy()
    return answer


def eventually(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Return the first true value of `condition`; fail if there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} seconds")


def status_of(client: Client, model: str, version: int) -> VersionStatus | None:
    try:
        return next(iter(client.status(model, version=version)), None)
    except NotFoundError:
        return None


def reaches(client: Client, model: str, version: int, state: str) -> VersionStatus:
    def reached() -> VersionStatus | None:
        status = status_of(client, model, version)
        return status if status is not None and status.state == state else None

    status: VersionStatus = eventually(reached)
    return status


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    write_model(models / "tiny" / "1", seed=1)
    return models


@pytest.fixture(scope="module")
def polled(models: Path, start_server: StartServer) -> Iterator[Client]:
    """A client of a server that looks at `models` often."""
    with Client(start_server(models, "--poll-seconds", "0.05").address) as client:
        client.wait_until_ready("tiny")
        yield client


@pytest.fixture
def own(models: Path, polled: Client, request: pytest.FixtureRequest) -> str:
    """The name of a model that belongs to one test, its version 1 live."""
    name = str(request.node.name)
    shutil.copytree(models / "tiny" / "1", models / name / ".1.part")
    (models / name / ".1.part").rename(models / name / "1")
    polled.wait_until_ready(name, version=1)
    return name


def test_versions_are_swapped_under_load_without_a_failed_call(
    models: Path, polled: Client, own: str
) -> None:
    answers = [answer_in_process(models / own / "1").tobytes()]
    stop = threading.Event()

    def keep_asking() -> list[bytes]:
        received = []
        while not stop.is_set():
            received.append(ask(polled, own).tobytes())
        return received

    with ThreadPoolExecutor(3) as pool:
        streams = [pool.submit(keep_asking) for _ in range(3)]
        try:
            for version in (2, 3):
                folder = write_model(models / own / str(version), seed=version)
                answers.append(answer_in_process(folder).tobytes())
                polled.wait_until_ready(own, version=version)
                reaches(polled, own, version - 1, "END")
        finally:
            stop.set()
        received = [stream.result() for stream in streams]
    assert len(set(answers)) == 3
    for stream in received:
        versions = [answers.index(answer) + 1 for answer in stream]
        assert versions == sorted(versions), "an old version answered after its successor"
        assert versions[-1] == 3
    with pytest.raises(NotFoundError, match=r"1\); live: \[3\]"):
        ask(polled, own, version=1)


def test_a_version_that_does_not_load_leaves_the_old_one_live_until_it_is_mended(
    models: Path, polled: Client, own: str, tmp_path: Path
) -> None:
    before = ask(polled, own)
    shutil.copytree(models / own / "1", tmp_path / "2")
    whole = (tmp_path / "2" / "saved_model.pb").read_bytes()
    (tmp_path / "2" / "saved_model.pb").write_bytes(whole[: len(whole) // 2])
    broken = (tmp_path / "2").rename(models / own / "2")
    assert "saved_model.pb cannot be read" in reaches(polled, own, 2, "END").error
    assert reaches(polled, own, 1, "AVAILABLE").error == ""
    assert ask(polled, own).tolist() == before.tolist()
    with pytest.raises(NotFoundError, match=r"version 2 failed to load: .*cannot be read"):
        ask(polled, own, version=2)
    (broken / "saved_model.pb").write_bytes(whole)
    polled.wait_until_ready(own, version=2)
    reaches(polled, own, 1, "END")


def test_a_version_that_cannot_answer_its_warm_up_records_does_not_go_live(
    models: Path, polled: Client, own: str, tmp_path: Path
) -> None:
    write_model(models / own / "2", seed=2, warm_up=[("serving_tensor", {"image": IMAGES[:, :4]})])
    assert "float32 [2, 4, 8, 3]" in reaches(polled, own, 2, "END").error
    truncated = write_model(tmp_path / "3", seed=3, warm_up=[("serving_tensor", {"image": IMAGES})])
    (truncated / WARM_UP).write_bytes((truncated / WARM_UP).read_bytes()[:-7])
    truncated.rename(models / own / "3")
    assert "warm-up records" in reaches(polled, own, 3, "END").error
    assert reaches(polled, own, 1, "AVAILABLE")


def test_only_whole_numbers_are_versions(models: Path, polled: Client, own: str) -> None:
    for name in (".2.part", "02", "2.tmp", "-2", "0", str(1 << 70)):
        shutil.copytree(models / own / "1", models / own / name)
    shutil.copytree(models / own, models / ".hidden")
    (models / "README.md").write_text("not a model")
    write_model(models / "found_later" / "1", seed=1)
    polled.wait_until_ready("found_later", version=1)
    assert [status.version for status in polled.status(own)] == [1]
    for name in (".hidden", "README.md"):
        with pytest.raises(NotFoundError):
            polled.status(name)


def test_a_model_that_is_removed_is_no_longer_found(models: Path, polled: Client, own: str) -> None:
    shutil.rmtree(models / own)
    eventually(lambda: status_of(polled, own, 1) is None)
    with pytest.raises(NotFoundError, match=r"Latest\("):
        ask(polled, own)
    assert ask(polled).shape == (2, 3)


def test_a_model_that_is_being_loaded_is_not_ready(models: Path, polled: Client, tmp_path: Path) -> None:
    slow = write_model(tmp_path / "slow", seed=1, warm_up=[("slow", {"rounds": np.array(SLOW_ROUNDS)})])
    (models / "late").mkdir()
    slow.rename(models / "late" / "1")
    reaches(polled, "late", 1, "LOADING")
    with pytest.raises(FailedPreconditionError, match="still being loaded"):
        ask(polled, "late")
    polled.wait_until_ready("late")
    with grpc.insecure_channel(polled.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service="late")
        eventually(lambda: health.Check(request).status == health_pb2.HealthCheckResponse.SERVING)


def test_overload_is_refused_and_the_end_waits_for_calls_in_flight(
    base: Path, start_server: StartServer
) -> None:
    server = start_server(base, "--max-concurrent-calls", "1", "--max-queued-calls", "0")
    with Client(server.address) as client, ThreadPoolExecutor(1) as pool:
        client.wait_until_ready("tiny")
        in_flight = pool.submit(client.predict, "tiny", {"rounds": SLOW_ROUNDS}, signature="slow")

        def refused() -> bool:
            try:
                ask(client)
            except ResourceExhaustedError as error:
                return "1 calls are being answered" in str(error)
            return False

        eventually(refused)
        assert client.status("tiny")[0].state == "AVAILABLE"
        server.terminate()
        with Client(server.address, max_attempts=1) as late:
            eventually(lambda: _takes_no_more_calls(late))
        assert not in_flight.done()
        assert in_flight.result()["trace"] == np.float32(512)
    assert server.wait() == 0


def _takes_no_more_calls(client: Client) -> bool:
    try:
        ask(client)
    except CallError as error:
        return error.status == "UNAVAILABLE"
    return False


def run_server(*arguments: object) -> subprocess.CompletedProcess[str]:
    return processes.run("-m", "kzoo.serving", *arguments, timeout=60)


def test_a_port_in_use_is_an_error_that_says_so(base: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_server(base, "--port", port)
    assert ended.returncode == 6
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("folder", "said"), [("nowhere", "is not a folder"), ("tiny", "folder of one model: give .*savedmodels")]
)
def test_a_folder_that_holds_no_models_is_an_error(base: Path, folder: str, said: str) -> None:
    with pytest.raises(ServingError, match=said):
        serve(ServerConfig(base / folder, port=0))
