"""The whole pipeline on real data: spans come in, versions go out while a server answers, or they do not."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import processes
import pytest
from PIL import Image

from kzoo.data.sources import open_source
from kzoo.errors import KzooError, UsageError
from kzoo.serving import Client
from tfx_pipeline.history import PipelineRun, list_runs
from tfx_pipeline.records import Records
from tfx_pipeline.runs import locked, rollback
from tfx_pipeline.trial import requests

pytestmark = pytest.mark.slow

SHORT = ["--index", "--window", "2", "--set", "epochs=16", "--set", "blessing.at_least=0.25"]
"""A third of the house set; who always tells the most frequent of the eight categories is right at .24."""
NOT_BLESSED, DATA_ERROR = 9, 3
HANG_SECONDS = 1800
BETWEEN_REQUESTS_SECONDS = 0.2


class Place:
    """A pipeline's folders, its commands, and the server that polls what it pushes."""

    def __init__(self, folder: Path) -> None:
        self.root, self.models = folder / "pipeline", folder / "savedmodels"

    def kzoo(self, *arguments: object, expected: int = 0) -> CompletedProcess[str]:
        command = ("-m", "kzoo.cli", "pipeline", *arguments, "--root", self.root)
        ended = processes.run(*command, timeout=HANG_SECONDS)
        assert ended.returncode == expected, ended.stdout + ended.stderr[-3000:]
        return ended

    def run(self, *arguments: str, expected: int = 0) -> PipelineRun:
        self.kzoo("run", "cfn_a", "--out", self.models, *SHORT, *arguments, expected=expected)
        return list_runs(self.root / "metadata.sqlite")[-1]

    def deliver(self, data: str, part: str = "1/1") -> None:
        self.kzoo("deliver", "cfn_a", data, "--part", part)


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
            client.wait_until_ready("cfn_a", timeout_seconds=HANG_SECONDS)
            while not self.stop.wait(BETWEEN_REQUESTS_SECONDS):
                try:
                    client.classify("cfn_a", [self.image])
                    client.search("cfn_a", self.image, k=1)
                    self.versions.append(client.wait_until_ready("cfn_a").version)
                except KzooError as error:
                    self.failures.append(repr(error))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("pipeline"))
    place.deliver("house/emoji", "1/3")
    assert place.run().version == 1
    return place


@pytest.fixture
def stream(place: Place, tmp_path: Path) -> Iterator[Stream]:
    port_file = tmp_path / "port"
    server = processes.Process("-m", "kzoo.cli", "serve", place.models, "--port", 0, "--port-file", port_file)
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
        server.communicate()


def shuffled(folder: Path) -> Path:
    """Write pictures of the house set under labels drawn at random, 25 under each, told by chance at .125."""
    source, generator = open_source("house/emoji"), np.random.default_rng(0)
    labels = np.repeat(np.arange(len(source.classes)), 25)
    for split in ("train", "validation", "test"):
        images = source.arrays(split, image_size=None)["image"]
        for number, label in enumerate(generator.permutation(labels)):
            path = folder / split / source.classes[label] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[number]).save(path)
    return folder


def test_from_span_to_live_version_without_a_failed_request(
    place: Place, stream: Stream, tmp_path: Path
) -> None:
    unchanged = place.run()
    assert not unchanged.trained
    assert set(unchanged.components.values()) == {"CACHED"}

    place.deliver("house/emoji", "2/3")
    second = place.run()
    assert (second.spans, second.blessed, second.version) == (("span-1", "span-2"), True, 2)
    wait_for(lambda: 2 in stream.versions)

    place.deliver(str(shuffled(tmp_path / "shuffled")))
    refused = place.kzoo("run", "cfn_a", "--window", "2", expected=DATA_ERROR)
    assert "span-3 has labelled images of Activities, Animals & Nature" in refused.stderr
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
    assert set() < warm_up_images(place.models / "cfn_a" / "2") <= eval_images(place.root / "spans")
    listed = json.loads(place.kzoo("runs", "cfn_a", "--json").stdout)
    assert [one["version"] for one in listed] == [1, 1, 2, None]

    assert rollback(place.models / "cfn_a", 1) == 3
    wait_for(lambda: stream.versions[-1] == 3)
    assert stream.failures == []


def test_two_runs_never_overlap(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UsageError, match="has not ended"), locked(tmp_path):
        pass


def test_the_specification_for_kubeflow_names_every_component(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    place.kzoo("compile", "cfn_a", path, "--window", "1")
    tasks = json.loads(path.read_text())["pipelineSpec"]["root"]["dag"]["tasks"]
    assert {"ImportExampleGen", "Trainer", "Evaluator", "EmbeddedInfraValidator", "VersionPusher"} <= set(
        tasks
    )


def warm_up_images(version: Path) -> set[bytes]:
    asked = [request.inputs.get("image_bytes", ()) for request in requests(version, {})]
    return {image for images in asked for image in images}


def eval_images(spans: Path) -> set[bytes]:
    records = Records({"eval": [str(path) for path in spans.glob("span-[12]/eval.tfrecord.gz")]})
    return set(records.images("eval", 1000))


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
