"""Small SavedModels in the zoo's layout, and servers of them in processes of their own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import processes
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kzoo.data.images import decode_images
from kzoo.files import folder_written_aside
from kzoo.serving.tensors import to_proto

SIZE = 8
CLASSES = ("cat", "dog", "emu")
WARM_UP = "assets.extra/tf_serving_warmup_requests"
IMAGE_BYTES = tf.TensorSpec([None], tf.string, name="image_bytes")
IMAGE = tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32, name="image")
ROUNDS = tf.TensorSpec([], tf.int32, name="rounds")
TEXT = tf.TensorSpec(None, tf.string, name="text")
FLAGS = tf.TensorSpec([None, 2], tf.bool, name="flags")

Inputs = Mapping[str, np.ndarray]
WarmUp = Sequence[tuple[str, Inputs]]


class Classifier(tf.Module):
    """A linear classifier with an export's three signatures, one that echoes, and one that takes its time."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        values = np.random.default_rng(seed).normal(size=(SIZE * SIZE * 3, 3)).astype(np.float32)
        self.kernel = tf.Variable(values / 1000)
        self.names = tf.constant(CLASSES)

    @tf.function(input_signature=[IMAGE])
    def from_tensor(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = tf.reshape(image, [-1, SIZE * SIZE * 3]) @ self.kernel
        probabilities = tf.nn.softmax(logits)
        scores, labels = tf.math.top_k(probabilities, k=2)
        return {"probabilities": probabilities, "scores": scores, "classes": tf.gather(self.names, labels)}

    @tf.function(input_signature=[IMAGE_BYTES])
    def from_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.from_tensor(decode_images(image_bytes, (SIZE, SIZE)))

    @tf.function(input_signature=[IMAGE_BYTES])
    def embed(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        image = decode_images(image_bytes, (SIZE, SIZE))
        return {"embedding": tf.math.l2_normalize(tf.reduce_mean(image, [1, 2]), axis=-1)}

    @tf.function(input_signature=[TEXT, FLAGS])
    def echo(self, text: tf.Tensor, flags: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"text": tf.identity(text), "flags": tf.identity(flags)}

    @tf.function(input_signature=[ROUNDS])
    def slow(self, rounds: tf.Tensor) -> dict[str, tf.Tensor]:
        matrix = tf.eye(512)
        for _ in tf.range(rounds):
            matrix = matrix @ tf.eye(512)
        return {"trace": tf.linalg.trace(matrix)}


def write_model(folder: Path, seed: int, warm_up: WarmUp = ()) -> Path:
    """Write a version as an export does: aside, then renamed."""
    model = Classifier(seed)
    with folder_written_aside(folder) as aside:
        tf.saved_model.save(
            model,
            str(aside),
            signatures={
                "serving_default": model.from_bytes,
                "serving_tensor": model.from_tensor,
                "embed": model.embed,
                "echo": model.echo,
                "slow": model.slow,
            },
        )
        if warm_up:
            write_warm_up(aside / WARM_UP, warm_up)
    return folder


def write_warm_up(path: Path, requests: WarmUp) -> None:
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            log = PredictionLog()
            log.predict_log.request.model_spec.signature_name = signature
            for name, value in inputs.items():
                log.predict_log.request.inputs[name].CopyFrom(to_proto(value))
            writer.write(log.SerializeToString())


def png(value: int, size: tuple[int, int] = (SIZE, SIZE)) -> bytes:
    pixels = np.random.default_rng(value).integers(0, 256, (*size, 3), np.uint8)
    encoded: bytes = tf.io.encode_png(pixels).numpy()
    return encoded


def strings(*values: bytes) -> np.ndarray:
    return np.array([*values, None], object)[:-1]


class ServerProcess:
    """`python -m kzoo.serving`, listening."""

    def __init__(self, base: Path, log: Path, *options: str) -> None:
        self.log = log
        command = ["-m", "kzoo.serving", base, "--port", 0, *options]
        self.process = processes.Process(*command, environment={"TF_NUM_INTRAOP_THREADS": "1"}, stderr=log)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), log.read_text()
        self.address = line.split()[-1]
        wanted = [option for option in ("--rest-port", "--metrics-port", "--ui") if option in options]
        lines = [self.process.stdout.readline() for _ in wanted]
        self.http = {line.split()[0]: line.split()[-1] for line in lines}  # by "REST", "try" and "metrics"

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self.process.wait(60)


StartServer = Callable[..., ServerProcess]


@contextmanager
def servers(folder: Path) -> Iterator[StartServer]:
    started: list[ServerProcess] = []

    def start(base: Path, *options: str) -> ServerProcess:
        started.append(ServerProcess(base, folder / f"server-{len(started)}.log", *options))
        return started[-1]

    try:
        yield start
    finally:
        for server in started:
            server.process.kill()
            server.process.communicate()
