"""Systems that are retrained while a server answers: on what, and what the server is asked."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import processes
import tensorflow as tf
from changed_spans import Examples
from PIL import Image

from kzoo.errors import KzooError
from kzoo.serving import Client
from tfx_pipeline.examples import CLASS, LABEL
from tfx_pipeline.history import PipelineRun, list_runs

NOT_BLESSED, DATA_ERROR = 9, 3
HANG_SECONDS = 1800
BETWEEN_REQUESTS_SECONDS = 0.2
PARTS = 3
"""Each span holds a third of the house set."""


def at_random(examples: Examples, classes: Sequence[str]) -> None:
    """Give every example a label drawn evenly, which nobody tells better than one of eight."""
    generator = np.random.default_rng(0)
    for example in examples:
        number = int(generator.integers(len(classes)))
        example.features.feature[LABEL].int64_list.value[:] = [number]
        example.features.feature[CLASS].bytes_list.value[:] = [classes[number].encode()]


def of_others(examples: Examples, classes: Sequence[str]) -> None:
    """Give every example the captions of another one."""
    generator = np.random.default_rng(0)
    names = ("captions", "text_features")
    own = [{name: tf.train.Feature.FromString(_feature(one, name)) for name in names} for one in examples]
    for example, row in zip(examples, generator.permutation(len(own)), strict=True):
        for name in names:
            example.features.feature[name].CopyFrom(own[row][name])


def _feature(example: Any, name: str) -> bytes:
    return example.features.feature[name].SerializeToString()


@dataclass(frozen=True)
class Case:
    """A system that is retrained.

    Attributes:
        system, data: names.
        options: of `kzoo pipeline run`: a short training, and what the model must reach.
        window: spans that the second run trains on.
        metric: that decides.
        ask: what the server is asked all the while, with an image.
        shuffle: takes the sense from the examples of the third span.
    """

    system: str
    data: str
    options: tuple[str, ...]
    metric: str
    ask: Callable[[Client, Path], object]
    shuffle: Callable[[Examples, Sequence[str]], None]
    window: int = 1


def _set(*assignments: str) -> tuple[str, ...]:
    return tuple(word for one in assignments for word in ("--set", one))


CLASSIFICATION = Case(
    system="cfn_a",
    data="house/emoji",
    options=_set(
        "epochs=16",
        "options={stages: [[3, [16]], [3, [32]], [3, [64]]], branch_channels: 64, dropout: 0.3}",
        "blessing.at_least=0.25",
    ),
    metric="accuracy",
    ask=lambda client, image: client.classify("cfn_a", [image]),
    shuffle=at_random,
    window=2,
)
RETRIEVAL = Case(
    system="alexnet",
    data="house/emoji",
    options=(
        "--index",
        *_set("epochs=6", "options={channels: [16, 32, 32, 32, 32], units: 64}"),
        *_set("optimizer.learning_rate=0.001"),
        *_set("blessing.metric=mean_average_precision", "blessing.at_least=0.17", "blessing.worse_by=0.05"),
    ),
    metric="mean_average_precision",
    ask=lambda client, image: client.search("alexnet", image, k=3),
    shuffle=at_random,
)
MATCHING = Case(
    system="rrfnet_baseline",
    data="house/emoji_captions",
    options=_set(
        "epochs=10",
        "options={widths: [128, 64, 64, 64], dropout: 0.3}",
        "blessing.at_least=0.1",
        "blessing.worse_by=0.05",
    ),
    metric="r_sum",
    ask=lambda client, image: client.embed_text("rrfnet_baseline", ["a smiling cat"]),
    shuffle=of_others,
)
CASES = (CLASSIFICATION, RETRIEVAL, MATCHING)


class Place:
    """A pipeline's folders and its commands."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.root, self.models = folder / "pipeline", folder / "savedmodels"

    def kzoo(self, *arguments: object, expected: int = 0) -> CompletedProcess[str]:
        command = ("-m", "kzoo.cli", "pipeline", *arguments, "--root", self.root)
        ended = processes.run(*command, timeout=HANG_SECONDS)
        assert ended.returncode == expected, ended.stdout + ended.stderr[-3000:]
        return ended

    def run(self, *arguments: object, expected: int = 0) -> PipelineRun:
        options = ("--out", self.models, "--window", self.case.window, *self.case.options, *arguments)
        self.kzoo("run", self.case.system, *options, expected=expected)
        return list_runs(self.root / "metadata.sqlite")[-1]

    def deliver(self, number: int, data: str | None = None) -> None:
        part = "1/1" if data else f"{number}/{PARTS}"
        self.kzoo("deliver", self.case.system, data or self.case.data, "--part", part)
        assert (self.root / "spans" / f"span-{number}").is_dir()

    def versions(self) -> list[str]:
        return sorted(path.name for path in (self.models / self.case.system).iterdir())


class Stream:
    """Asks a server without a pause, and keeps which version answered and what failed."""

    def __init__(self, address: str, case: Case, image: Path) -> None:
        self.address, self.case, self.image = address, case, image
        self.versions: list[int] = []
        self.failures: list[str] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self) -> None:
        with Client(self.address) as client:
            client.wait_until_ready(self.case.system, timeout_seconds=HANG_SECONDS)
            while not self.stop.wait(BETWEEN_REQUESTS_SECONDS):
                try:
                    self.case.ask(client, self.image)
                    self.versions.append(client.wait_until_ready(self.case.system).version)
                except KzooError as error:
                    self.failures.append(repr(error))


@contextmanager
def stream(place: Place, folder: Path) -> Iterator[Stream]:
    """Ask a server that polls what a pipeline pushes while the block lasts."""
    port_file, image = folder / "port", folder / "image.png"
    Image.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(image)
    server = processes.Process("-m", "kzoo.cli", "serve", place.models, "--port", 0, "--port-file", port_file)
    try:
        while not (port_file.is_file() and port_file.read_text().strip()):
            assert server.poll() is None
            time.sleep(0.1)
        asked = Stream(f"127.0.0.1:{port_file.read_text().strip()}", place.case, image)
        asked.thread.start()
        try:
            yield asked
        finally:
            asked.stop.set()
            asked.thread.join()
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
