"""Policies, labels and configurations of a real server, by file and by call."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from serving_helpers import ServerProcess, StartServer
from serving_models import Stubs, write_calculator
from test_lifecycle import eventually

CONFIG = 'model_config_list {{ config {{ name: "{name}" base_path: "{path}" {rest} }} }}'


def config(models: Path, rest: str = "", name: str = "calculator") -> str:
    return CONFIG.format(name=name, path=models / name, rest=rest)


def specific(*versions: int, **labels: int) -> str:
    listed = " ".join(f"versions: {version}" for version in versions)
    named = " ".join(f'version_labels {{ key: "{key}" value: {value} }}' for key, value in labels.items())
    return f"model_version_policy {{ specific {{ {listed} }} }} {named}"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 to 3 of a calculator, which multiply by their own number."""
    models = tmp_path_factory.mktemp("models")
    for version in (1, 2, 3):
        write_calculator(models / "calculator" / str(version), factor=version)
    return models


@pytest.fixture(scope="module")
def file(models: Path) -> Path:
    file = models / "models.config"
    file.write_text(config(models, specific(1)))
    return file


@pytest.fixture(scope="module")
def process(file: Path, start_server: StartServer) -> ServerProcess:
    return start_server(file.parent, "--model-config-file", str(file), "--poll-seconds", "0.05")


@pytest.fixture(scope="module")
def channel(process: ServerProcess) -> Iterator[Stubs]:
    with grpc.insecure_channel(process.address) as channel:
        stubs = Stubs(channel)
        eventually(lambda: stubs.states("calculator") == {1: "AVAILABLE"})
        yield stubs


@pytest.fixture
def stubs(channel: Stubs, models: Path) -> Stubs:
    """The server with version 1 alone, "stable"."""
    channel.reload(config(models, specific(1, stable=1)))
    assert live(channel) == [1]
    return channel


def live(stubs: Stubs, name: str = "calculator") -> list[int]:
    return [version for version, state in stubs.states(name).items() if state == "AVAILABLE"]


def refusal(stubs: Stubs, text: str) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        stubs.reload(text)
    return caught.value.code(), caught.value.details()


def test_calls_go_where_their_label_points(stubs: Stubs, models: Path) -> None:
    stubs.reload(config(models, specific(1, 2, stable=1, canary=2)))
    assert stubs.scale("calculator", label="stable") == 1
    assert stubs.scale("calculator", label="canary") == 2
    assert stubs.scale("calculator") == 2
    stubs.reload(config(models, specific(1, 2, stable=2)))
    assert stubs.scale("calculator", label="stable") == 2
    with pytest.raises(grpc.RpcError) as caught:
        stubs.scale("calculator", label="canary")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "Unrecognized servable version label: canary; calculator has ['stable']" in caught.value.details()


def test_a_label_is_given_to_available_versions_only(stubs: Stubs, models: Path) -> None:
    code, said = refusal(stubs, config(models, specific(1, stable=2, canary=3)))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert "label 'stable' cannot be assigned to version 2, which is not available" in said
    assert stubs.scale("calculator", label="stable") == 1
    with pytest.raises(grpc.RpcError) as caught:
        stubs.scale("calculator", label="canary")
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "waits for version 3" in caught.value.details()
    stubs.reload(config(models, specific(1, 2, 3, stable=2, canary=3)))
    assert stubs.scale("calculator", label="stable") == 2
    assert stubs.scale("calculator", label="canary") == 3


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        ("model_version_policy { all {} }", [3, 2, 1]),
        ("model_version_policy { latest { num_versions: 2 } }", [3, 2]),
        ("model_version_policy { specific { versions: 1 versions: 3 } }", [3, 1]),
        ("", [3]),
    ],
)
def test_the_policy_decides_which_versions_are_live(
    stubs: Stubs, models: Path, policy: str, versions: list[int]
) -> None:
    stubs.reload(config(models, policy))
    assert live(stubs) == versions


def test_going_back_to_an_older_version_fails_no_call(stubs: Stubs, models: Path) -> None:
    stop = threading.Event()

    def keep_asking() -> list[float]:
        answers = []
        while not stop.is_set():
            answers.append(stubs.scale("calculator"))
            answers.append(stubs.scale("calculator", label="stable"))
        return answers

    with ThreadPoolExecutor(3) as pool:
        streams = [pool.submit(keep_asking) for _ in range(3)]
        try:
            for version in (3, 1, 2, 1):
                stubs.reload(config(models, specific(version, stable=version)))
                assert live(stubs) == [version]
        finally:
            stop.set()
        answers = {answer for stream in streams for answer in stream.result()}
    assert answers == {1, 2, 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('model_config_list { config { name: "calculator" } }', "has no base_path"),
        ("custom_model_config {}", "expected model_config_list"),
        (CONFIG.format(name="calculator", path="/nowhere/calculator", rest=""), "is not a folder"),
        (CONFIG.format(name="calculator", path="x", rest='model_platform: "onnx"'), "received 'onnx'"),
    ],
)
def test_an_invalid_configuration_changes_nothing(stubs: Stubs, text: str, said: str) -> None:
    code, details = refusal(stubs, text)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert said in details
    assert live(stubs) == [1]
    assert stubs.scale("calculator", label="stable") == 1


def test_a_version_that_is_missing_leaves_the_old_one_live(stubs: Stubs, models: Path) -> None:
    code, said = refusal(stubs, config(models, specific(7)))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert "calculator: versions [7] are not available" in said
    assert stubs.scale("calculator") == 1


def test_a_version_that_does_not_load_is_named_and_leaves_the_old_one_live(
    stubs: Stubs, models: Path
) -> None:
    broken = models / "calculator" / "9"
    shutil.copytree(models / "calculator" / "1", broken)
    (broken / "saved_model.pb").write_bytes(b"not a model")
    try:
        code, said = refusal(stubs, config(models, specific(9)))
        assert code == grpc.StatusCode.FAILED_PRECONDITION
        assert "version 9 failed to load" in said
        assert stubs.scale("calculator") == 1
        assert stubs.states("calculator")[9] == "END"
    finally:
        shutil.rmtree(broken)


def test_a_model_that_is_left_out_is_dropped_and_another_one_added(stubs: Stubs, models: Path) -> None:
    if not (models / "other").exists():
        write_calculator(models / "other" / "5", factor=50)
    stubs.reload(config(models, name="other"))
    assert stubs.scale("other") == 50
    assert stubs.states("calculator") == {}
    with pytest.raises(grpc.RpcError) as caught:
        stubs.scale("calculator")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_the_file_is_followed_and_a_broken_one_is_not(
    stubs: Stubs, models: Path, file: Path, process: ServerProcess
) -> None:
    file.write_text(config(models, specific(1, 2, canary=2)))
    eventually(lambda: live(stubs) == [2, 1])
    assert stubs.scale("calculator", label="canary") == 2
    file.write_text("model_config_list { config { name: ")
    eventually(lambda: "the models stay as they are" in process.log.read_text())
    assert stubs.scale("calculator", label="canary") == 2
    file.write_text(config(models, specific(3)))
    eventually(lambda: live(stubs) == [3])
    assert process.log.read_text().count("the models stay as they are") <= 2


def test_versions_are_polled_in_configured_folders_as_well(stubs: Stubs, models: Path) -> None:
    write_calculator(models / "growing" / "1", factor=10)
    stubs.reload(config(models, name="growing"))
    write_calculator(models / "growing" / "2", factor=20)
    eventually(lambda: live(stubs, "growing") == [2])
    assert stubs.scale("growing", 1.5) == 30


def test_a_configuration_that_is_broken_from_the_start_is_an_error(
    models: Path, tmp_path: Path, start_server: StartServer
) -> None:
    file = tmp_path / "models.config"
    file.write_text("model_config_list { config { name: 'a' } }")
    with pytest.raises(AssertionError, match=r"models\.config: model 'a' has no base_path"):
        start_server(models, "--model-config-file", str(file))
