"""Calls whose answers are known, made by many clients at once, and what became of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from serving_server import TENSOR_SIGNATURE, images
from tensorflow_serving.apis import predict_pb2

from kzoo.serving.tensors import to_array, to_proto

PREDICT = "/tensorflow.serving.PredictionService/Predict"
OUTPUT = "probabilities"
TOLERANCE = 1e-4  # a batch of another size takes other kernels, whose sums are rounded elsewhere
CALL_SECONDS = 60.0
LOT = 5000


@dataclass(frozen=True)
class Question:
    """A request, and its answer by the same SavedModel in this process.

    Attributes:
        model, version: that it asks.
        message: the serialised PredictRequest.
        answer: float32 (N, C).
        any_version: whether the request leaves it to the server which version answers.
    """

    model: str
    version: int
    message: bytes
    answer: np.ndarray
    any_version: bool = False


@dataclass
class Outcome:
    """What became of calls; clients add to it under a lock of their own.

    Attributes:
        latencies: seconds of each call that was answered.
        statuses: gRPC's names of how calls ended.
        wrong: answered calls whose answer was not the question's.
    """

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    wrong: int = 0

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """How many calls had no answer."""
        return self.calls - self.statuses["OK"]

    def milliseconds(self, percentile: float) -> float:
        """Return a percentile, 0 to 100, of the answered calls' latency; NaN without any."""
        return float(np.percentile(self.latencies, percentile)) * 1e3 if self.latencies else float("nan")

    def add(self, other: Outcome) -> None:
        """Take in what became of other calls."""
        self.latencies += other.latencies
        self.statuses += other.statuses
        self.wrong += other.wrong


def request(model: str, version: int | None, batch: np.ndarray) -> predict_pb2.PredictRequest:
    """Return the request for the probabilities of a batch of images."""
    message = predict_pb2.PredictRequest(output_filter=[OUTPUT])
    message.model_spec.name = model
    message.model_spec.signature_name = TENSOR_SIGNATURE
    if version is not None:
        message.model_spec.version.value = version
    message.inputs["image"].CopyFrom(to_proto(batch))
    return message


def load_in_process(base: Path, model: str, version: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that answers images by a version's SavedModel, in this process."""
    loaded = tf.saved_model.load(str(base / model / str(version)))
    function = loaded.signatures[TENSOR_SIGNATURE]

    def answer(batch: np.ndarray, _loaded: Any = loaded) -> np.ndarray:
        probabilities: np.ndarray = function(image=tf.constant(batch))[OUTPUT].numpy()
        return probabilities

    return answer


def questions(
    base: Path,
    models: Sequence[str],
    versions: Sequence[int],
    count: int,
    *,
    batch: int = 1,
    newest: bool = False,
) -> list[Question]:
    """Return `count` questions for each version of each model.

    Args:
        base: folder of models.
        models, versions: that are asked.
        count: of batches of images, the same ones for all.
        batch: images in each.
        newest: leave the version out of the request, so that the newest one answers it.

    Raises:
        RuntimeError: if two of them have answers that are too alike to tell one from the other.
    """
    batches = [images(batch, seed) for seed in range(count)]
    found = []
    for model in models:
        for version in versions:
            answer = load_in_process(base, model, version)
            found += [
                Question(
                    model,
                    version,
                    request(model, None if newest else version, one).SerializeToString(),
                    answer(one),
                    any_version=newest,
                )
                for one in batches
            ]
    for place, one in enumerate(found):
        for other in found[:place]:
            if np.abs(one.answer - other.answer).max() < 10 * TOLERANCE:
                raise RuntimeError(
                    f"{one.model} {one.version} and {other.model} {other.version} answer alike"
                )
    return found


@contextmanager
def raw_call(address: str, method: str = PREDICT) -> Iterator[Any]:
    """Give a method of a connection of its own, for serialised messages in and out."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        yield channel.unary_unary(method)


class _Asker:
    """One client: it compares answers in lots, so that this takes no time between calls."""

    def __init__(self, call: Any) -> None:
        self.outcome = Outcome()
        self._call = call
        self._unchecked: list[tuple[bytes, Question]] = []

    def ask(self, question: Question) -> None:
        begin = time.perf_counter()
        try:
            content = self._call(question.message, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            self.outcome.statuses[error.code().name] += 1
            return
        self.outcome.latencies.append(time.perf_counter() - begin)
        self.outcome.statuses["OK"] += 1
        self._unchecked.append((content, question))
        if len(self._unchecked) >= LOT:
            self.check()

    def check(self) -> None:
        self.outcome.wrong += sum(not is_right(*one) for one in self._unchecked)
        self._unchecked.clear()


def is_right(content: bytes, question: Question) -> bool:
    """Say whether a serialised PredictResponse is a question's answer, by the version that was asked."""
    response = predict_pb2.PredictResponse.FromString(content)
    version = question.version if question.any_version else response.model_spec.version.value
    if (response.model_spec.name, version) != (question.model, question.version):
        return False
    received = to_array(response.outputs[OUTPUT], max_bytes=1 << 20)
    return received.shape == question.answer.shape and bool(
        np.abs(received - question.answer).max() <= TOLERANCE
    )


def closed_loop(
    address: str,
    asked: Sequence[Question],
    clients: int,
    *,
    calls: int | None = None,
    seconds: float | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Have clients ask, each anew once it has its answer, and return what became of all calls.

    Each client has a connection of its own and takes the questions in an order of its own. It ends after its
    share of `calls`, after `seconds`, or once `stop` is set, whichever is first.
    """
    total, lock = Outcome(), threading.Lock()
    end = time.monotonic() + seconds if seconds is not None else float("inf")

    def run(number: int) -> None:
        random = np.random.default_rng(number)
        share = float("inf") if calls is None else calls // clients + (number < calls % clients)
        with raw_call(address) as call:
            asker = _Asker(call)
            while asker.outcome.calls < share and time.monotonic() < end and not (stop and stop.is_set()):
                asker.ask(asked[int(random.integers(len(asked)))])
        asker.check()
        with lock:
            total.add(asker.outcome)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return total


def open_loop(address: str, asked: Sequence[Question], per_second: float, seconds: float) -> Outcome:
    """Make calls at a rate that does not wait for answers, and return what became of them."""
    total, lock, random = Outcome(), threading.Lock(), np.random.default_rng(0)
    count = int(per_second * seconds)

    def note(question: Question, begin: float, future: Any) -> None:
        latency = time.perf_counter() - begin
        code = future.code().name
        with lock:
            total.statuses[code] += 1
            if code == "OK":
                total.latencies.append(latency)
                total.wrong += not is_right(future.result(), question)

    with raw_call(address) as call:
        begin = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, begin + number / per_second - time.perf_counter()))
            question = asked[int(random.integers(len(asked)))]
            sent = time.perf_counter()
            future = call.future(question.message, timeout=CALL_SECONDS)
            future.add_done_callback(lambda done, question=question, sent=sent: note(question, sent, done))
        while total.calls < count:
            time.sleep(0.01)
    return total
