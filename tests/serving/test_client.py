from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import PIL.Image
import pytest
from serving_helpers import CLASSES, SIZE, png
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from kzoo.errors import DataError, KzooError, ServingError, UsageError
from kzoo.serving import CallError, Client, ServerConfig
from kzoo.serving.errors import (
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    UnavailableError,
)
from kzoo.serving.images import Image, encode_images


def pixels_of(encoded: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(encoded)))


def test_classify_takes_paths_bytes_and_arrays_alike(
    client: Client, in_process: dict[int, Any], tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(png(1, (13, 17)))
    images: list[Image] = [path, str(path), path.read_bytes(), pixels_of(path.read_bytes())]
    answers = client.classify("tiny", images)
    batch = np.array([png(1, (13, 17))] * len(images), object)
    expected = in_process[2].signatures["serving_default"](image_bytes=batch)
    for row, answer in enumerate(answers):
        assert answer.probabilities.tolist() == expected["probabilities"].numpy()[row].tolist()
        assert answer.probabilities.shape == (len(CLASSES),)
        assert [name for name, _ in answer.best] == [name.decode() for name in expected["classes"].numpy()[0]]
        assert [score for _, score in answer.best] == expected["scores"].numpy()[0].tolist()
    first = client.classify("tiny", images[:1], version=1)[0]
    assert first.probabilities.tolist() != answers[0].probabilities.tolist()


def test_embed_gives_a_vector_an_image(client: Client) -> None:
    embedding = client.embed("tiny", [png(1), png(2), png(1)])
    assert embedding.shape == (3, 3)
    assert embedding.dtype == np.float32
    assert embedding[0].tolist() == embedding[2].tolist()
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 3), (5, 6, 4)])
def test_arrays_are_encoded_without_loss(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    (encoded,) = encode_images([pixels])
    assert pixels_of(encoded).tolist() == pixels.reshape(shape[:2] if shape[-1] == 1 else shape).tolist()


def test_a_batch_of_arrays_is_as_many_images() -> None:
    assert len(encode_images(np.zeros((4, 5, 6, 3), np.uint8))) == 4


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ([], "received none"),
        ("picture.png", "put it into a list"),
        (b"bytes", "put it into a list"),
        ([3], "received int"),
        ([np.zeros((4, 4, 3), np.float32)], "received float32"),
        ([np.zeros((4, 4, 2), np.uint8)], r"received uint8 \(4, 4, 2\)"),
        ([np.zeros((0, 4, 3), np.uint8)], "not empty"),
        ([np.zeros(4, np.uint8)], r"received uint8 \(4,\)"),
    ],
)
def test_what_is_no_image_is_refused_before_it_is_sent(images: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        encode_images(images)


def test_a_missing_file_is_named(client: Client, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lost\.png cannot be read: No such file"):
        client.classify("tiny", [tmp_path / "lost.png"])


def test_lists_of_bytes_keep_their_zero_bytes(client: Client) -> None:
    flags = [[True, False]]
    answer = client.predict("tiny", {"text": [b"a\0\0", b""], "flags": flags}, signature="echo")
    assert answer["text"].tolist() == [b"a\0\0", b""]


def test_errors_of_calls_are_serving_errors_with_a_status(client: Client) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.metadata("huge")
    assert caught.value.status == "NOT_FOUND"
    assert client.address in str(caught.value)
    assert issubclass(NotFoundError, CallError)
    assert issubclass(CallError, ServingError)
    assert issubclass(ServingError, KzooError)
    with pytest.raises(NotFoundError):
        client.wait_until_ready("huge")
    with pytest.raises(DeadlineExceededError, match="version 9 of model tiny"):
        client.wait_until_ready("tiny", version=9, timeout_seconds=0.3)


@pytest.mark.parametrize("version", [0, -1, 1 << 63])
def test_a_version_that_cannot_be_is_refused(client: Client, version: int) -> None:
    with pytest.raises(UsageError, match=f"received {version}"):
        client.status("tiny", version=version)


def test_a_closed_client_says_so(client: Client) -> None:
    closed = Client(client.address)
    closed.close()
    with pytest.raises(UsageError, match="closed"):
        closed.status("tiny")


class Stumbling(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Fails with each of some statuses in turn, and then answers."""

    def __init__(self, statuses: list[grpc.StatusCode]) -> None:
        self.statuses = statuses
        self.calls = 0

    def Predict(  # noqa: N802
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        self.calls += 1
        if self.statuses:
            context.abort(self.statuses.pop(0), "stumbled")
        return predict_pb2.PredictResponse()


@contextmanager
def stumbling(*statuses: grpc.StatusCode) -> Iterator[tuple[Stumbling, str]]:
    servicer = Stumbling(list(statuses))
    server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield servicer, f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def test_an_unavailable_server_is_asked_again() -> None:
    with (
        stumbling(*[grpc.StatusCode.UNAVAILABLE] * 3) as (servicer, address),
        Client(address, first_backoff_seconds=0.01) as client,
    ):
        assert client.predict("any", {}) == {}
        assert servicer.calls == 4


def test_attempts_are_bounded() -> None:
    with (
        stumbling(*[grpc.StatusCode.UNAVAILABLE] * 9) as (servicer, address),
        Client(address, max_attempts=3, first_backoff_seconds=0.01) as client,
    ):
        with pytest.raises(UnavailableError, match="stumbled"):
            client.predict("any", {})
        assert servicer.calls == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.INTERNAL, InternalError),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidArgumentError),
        (grpc.StatusCode.DATA_LOSS, CallError),
    ],
)
def test_nothing_else_is_asked_again(status: grpc.StatusCode, kind: type[CallError]) -> None:
    with (
        stumbling(status) as (servicer, address),
        Client(address, first_backoff_seconds=0.01) as client,
    ):
        with pytest.raises(kind) as caught:
            client.predict("any", {})
        assert caught.value.status == status.name
        assert servicer.calls == 1


def test_no_server_at_all_is_unavailable_and_not_ready() -> None:
    with Client("127.0.0.1:1", max_attempts=2, first_backoff_seconds=0.01) as client:
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
            client.predict("tiny", {"image": np.zeros((1, SIZE, SIZE, 3), np.float32)})
        with pytest.raises(DeadlineExceededError, match="not ready after"):
            client.wait_until_ready("tiny", timeout_seconds=0.3)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout_seconds": 0},
        {"timeout_seconds": float("inf")},
        {"max_attempts": 0},
        {"max_attempts": 6},
        {"first_backoff_seconds": -1},
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="must be"):
        Client("localhost:1", **options)


@pytest.mark.parametrize(
    "options",
    [
        {"port": 65536},
        {"latest_versions": 0},
        {"poll_seconds": 0},
        {"max_concurrent_calls": 0},
        {"max_message_bytes": 1 << 31},
        {"drain_seconds": -1},
    ],
)
def test_server_settings_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="received"):
        ServerConfig(Path(), **options)


def test_importing_the_room_is_light() -> None:
    program = (
        "import sys, kzoo.serving; from kzoo.serving import ServerConfig, CallError; "
        "print([name for name in ('tensorflow', 'keras', 'grpc', 'numpy') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
