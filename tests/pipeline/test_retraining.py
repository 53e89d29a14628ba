"""The whole pipeline on real data: spans come in, versions go out while a server answers, or they do not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kzoo.data.sources import open_source
from kzoo.errors import KzooError, UsageError
from kzoo.serving import Client
from tfx_pipeline.history import PipelineRun, list_runs
from tfx_pipeline.runs import locked, rollback

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KZOO = [sys.executable, "-m", "kzoo.cli"]
WINDOW = ["--window", "2"]
NOT_BLESSED, DATA_ERROR = 9, 3


class Place:
    """A pipeline's folders, its commands, and the server that polls what it pushes."""

    def __init__(self, folder: Path) -> None:
        self.root, self.models = folder / "pipeline", folder / "savedmodels"

    def kzoo(self, *arguments: str, expected: int = 0) -> str:
        ended = subprocess.run(
            [*KZOO, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, timeout=600
        )
        assert ended.returncode == expected, ended.stdout + ended.stderr[-3000:]
        return ended.stdout

    def run(self, *arguments: str, expected: int = 0) -> PipelineRun:
        where = ["--root", str(self.root), "--out", str(self.models)]
        self.kzoo("pipeline", "run", "cfn_a", *where, *WINDOW, *arguments, expected=expected)
        return self.runs()[-1]

    def try_to_run(self, expected: int) -> str:
        command = [*KZOO, "pipeline", "run", "cfn_a", "--root", str(self.root), *WINDOW]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=600)
        assert ended.returncode == expected
        return ended.stderr

    def deliver(self, data: str, part: str = "1/1") -> None:
        self.kzoo("pipeline", "deliver", "cfn_a", data, "--root", str(self.root), "--part", part)

    def runs(self) -> list[PipelineRun]:
        return list_runs(self.root / "metadata.sqlite")


class Stream:
    """Asks a server without a pause, and keeps which version answered and what failed."""

    def __init__(self, address: str, image: Path) -> None:
        self.address, self.image = address, image
        self.versions: list[int] = []
        self.failures: list[str] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self) -> None:
        with Client(self.address) as client:
            client.wait_until_ready("cfn_a", timeout_seconds=120)
            while not self.stop.is_set():
                try:
                    client.classify("cfn_a", [self.image])
                    self.versions.append(client.wait_until_ready("cfn_a").version)
                except KzooError as error:
                    self.failures.append(repr(error))
                time.sleep(0.02)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("pipeline"))
    place.deliver("house/emoji", "1/2")
    assert place.run().version == 1
    return place


@pytest.fixture
def stream(place: Place, tmp_path: Path) -> Iterator[Stream]:
    port_file = tmp_path / "port"
    command = [*KZOO, "serve", str(place.models), "--port", "0", "--port-file", str(port_file)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (port_file.is_file() and port_file.read_text().strip()):
            assert server.poll() is None
            time.sleep(0.1)
        image = tmp_path / "image.png"
        Image.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(image)
        stream = Stream(f"127.0.0.1:{port_file.read_text().strip()}", image)
        stream.thread.start()
        yield stream
        stream.stop.set()
        stream.thread.join()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def shuffled(folder: Path) -> Path:
    """Write pictures of the house set under labels drawn at random among those of their split."""
    source, generator = open_source("house/emoji"), np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        arrays = source.arrays(split, image_size=None)
        for number, label in enumerate(generator.permutation(arrays["label"])[:200]):
            path = folder / split / source.classes[label] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(arrays["image"][number]).save(path)
    return folder


def test_from_span_to_live_version_without_a_failed_request(
    place: Place, stream: Stream, tmp_path: Path
) -> None:
    unchanged = place.run()
    assert not unchanged.trained
    assert set(unchanged.components.values()) == {"CACHED"}

    place.deliver("house/emoji", "2/2")
    second = place.run()
    assert (second.spans, second.blessed, second.version) == (("span-1", "span-2"), True, 2)
    wait_for(lambda: 2 in stream.versions)

    place.deliver(str(shuffled(tmp_path / "shuffled")))
    refused = place.try_to_run(expected=DATA_ERROR)
    assert "span-3 has labelled images of Activities, Animals & Nature" in refused
    third = place.run("--window", "1", expected=NOT_BLESSED)
    assert third.trained
    assert (third.spans, third.blessed, third.infra_blessed, third.version) == (
        ("span-3",),
        False,
        True,
        None,
    )
    time.sleep(3)
    assert sorted(path.name for path in (place.models / "cfn_a").iterdir()) == ["1", "2"]
    assert stream.failures == []
    assert sorted(set(stream.versions)) == [1, 2]
    assert stream.versions == sorted(stream.versions)

    lineage = json.loads((place.models / "cfn_a" / "2" / "lineage.json").read_text())
    assert lineage["spans"] == ["span-1", "span-2"]
    assert lineage["fingerprint"] == second.fingerprint
    listed = json.loads(place.kzoo("pipeline", "runs", "cfn_a", "--root", str(place.root), "--json"))
    assert [one["version"] for one in listed] == [1, 1, 2, None]

    assert rollback(place.models / "cfn_a", 1) == 3
    wait_for(lambda: stream.versions[-1] == 3)
    assert stream.failures == []


def test_a_run_that_is_killed_leaves_no_half_version_and_the_next_completes(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.deliver("house/emoji", "1/4")
    short = ["--set", "epochs=4", "--set", "blessing.at_least=0"]
    where = ["--root", str(place.root), "--out", str(place.models), *WINDOW, *short]
    process = subprocess.Popen(
        [*KZOO, "pipeline", "run", "cfn_a", *where], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip() == "Trainer":
            break
    process.kill()
    process.communicate()
    assert not (place.models / "cfn_a").exists()
    found = place.run(*short)
    assert found.version == 1
    assert found.components["StatisticsGen"] == "CACHED"
    assert [path.name for path in (place.models / "cfn_a").iterdir()] == ["1"]


def test_two_runs_never_overlap(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UsageError, match="has not ended"), locked(tmp_path):
        pass


def test_the_specification_for_kubeflow_names_every_component(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    place.kzoo("pipeline", "compile", "cfn_a", str(path), "--root", str(place.root), "--window", "1")
    tasks = json.loads(path.read_text())["pipelineSpec"]["root"]["dag"]["tasks"]
    assert {"ImportExampleGen", "Trainer", "Evaluator", "EmbeddedInfraValidator", "VersionPusher"} <= set(
        tasks
    )


def wait_for(condition: object, seconds: float = 120) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
