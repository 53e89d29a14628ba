"""How fast the server is beside the same SavedModel in process; both are run in turn within a second."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
from serving_load import OUTPUT, PREDICT, Question, closed_loop, load_in_process
from serving_server import ROOT, TENSOR_SIGNATURE, Server, bare_server, images, started
from tensorflow_serving.apis import predict_pb2

from kzoo.serving import Client
from kzoo.serving.tensors import to_proto

PAUSE_SECONDS = 0.002  # about what a served call takes beside the model, to and fro

LOAD_IN_PROCESS = """
import sys, time
import numpy as np
import tensorflow as tf
from pathlib import Path
for folder in sorted(Path(sys.argv[1]).iterdir()):
    model = tf.saved_model.load(str(folder / "1"))
    globals()[folder.name] = model
"""


@dataclass(frozen=True)
class Pair:
    """One figure of a server and of what it is compared with, by the same work.

    Attributes:
        baseline, server: medians over the rounds: milliseconds a call, calls a second, or seconds.
    """

    baseline: float
    server: float


@dataclass(frozen=True)
class Overhead:
    """Milliseconds of a call, medians over rounds in which all four were run in turn.

    Attributes:
        in_process: of the function of the loaded SavedModel, called again at once.
        paced: of the same function, called after a pause of `PAUSE_SECONDS`: a served model rests between two
            calls of one client, and what other programs have meanwhile put into the caches must be fetched.
        grpc: of a call that carries as many bytes to and from a server that does nothing.
        server: of a call of the client, NumPy in and NumPy out.
    """

    in_process: float
    paced: float
    grpc: float
    server: float


def overhead(server: Server, base: Path, model: str, *, rounds: int, calls: int, batch: int = 1) -> Overhead:
    """Measure the calls of one client, each time the mean of `calls`."""
    answer, pixels = load_in_process(base, model, 1), images(batch)
    request, response = _messages(server, model, pixels)
    with (
        Client(server.address) as client,
        bare_server(response) as bare,
        grpc.insecure_channel(bare) as channel,
    ):
        carry = channel.unary_unary("/bare/Answer")

        def ask() -> None:
            client.predict(model, {"image": pixels}, signature=TENSOR_SIGNATURE, version=1, outputs=[OUTPUT])

        measured: Sequence[Callable[[], float]] = (
            lambda: _mean_ms(lambda: answer(pixels), calls),
            lambda: _mean_ms(lambda: answer(pixels), calls, pause_seconds=PAUSE_SECONDS),
            lambda: _mean_ms(lambda: carry(request), calls),
            lambda: _mean_ms(ask, calls),
        )
        times = np.array([[measure() for measure in measured] for _ in range(rounds + 1)])
    return Overhead(*(float(value) for value in np.median(times[1:], axis=0)))


def _messages(server: Server, model: str, pixels: np.ndarray) -> tuple[bytes, bytes]:
    """Return the request that the client makes for images, and the server's response."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, TENSOR_SIGNATURE
    request.model_spec.version.value = 1
    request.inputs["image"].CopyFrom(to_proto(pixels))
    request.output_filter.append(OUTPUT)
    message = request.SerializeToString()
    with grpc.insecure_channel(server.address) as channel:
        response: bytes = channel.unary_unary(PREDICT)(message)
    return message, response


def _mean_ms(call: Callable[[], object], calls: int, pause_seconds: float = 0.0) -> float:
    """Return the mean time of a call, the pause before each not counted."""
    seconds = 0.0
    for _ in range(calls):
        if pause_seconds:
            time.sleep(pause_seconds)
        begin = time.perf_counter()
        call()
        seconds += time.perf_counter() - begin
    return seconds / calls * 1e3


def throughput(
    server: Server, base: Path, asked: Sequence[Question], *, clients: int, rounds: int, seconds: float
) -> Pair:
    """Return calls a second of `clients` at once: threads that call the function, and clients that ask.

    All questions are of one version of a model.
    """
    answer = load_in_process(base, asked[0].model, asked[0].version)
    pixels = images(asked[0].answer.shape[0])
    rates = []
    for _ in range(rounds + 1):
        in_process = _calls_per_second(lambda: answer(pixels), clients, seconds)
        rates.append((in_process, _answered_per_second(server, asked, clients, seconds)))
    in_process, served = np.median(np.array(rates[1:]), axis=0)
    return Pair(float(in_process), float(served))


def batching_gain(
    plain: Server, batching: Server, asked: Sequence[Question], *, clients: int, rounds: int, seconds: float
) -> Pair:
    """Return calls a second that a server without batching answers, and one with it, in turn."""
    rates = [
        [_answered_per_second(server, asked, clients, seconds) for server in (plain, batching)]
        for _ in range(rounds + 1)
    ]
    without, joined = np.median(np.array(rates[1:]), axis=0)
    return Pair(float(without), float(joined))


def _answered_per_second(server: Server, asked: Sequence[Question], clients: int, seconds: float) -> float:
    outcome = closed_loop(server.address, asked, clients, seconds=seconds)
    if outcome.failed or outcome.wrong:
        raise RuntimeError(f"{outcome.failed} calls failed and {outcome.wrong} answers were wrong")
    return outcome.calls / seconds


def _calls_per_second(call: Callable[[], object], threads: int, seconds: float) -> float:
    end = time.monotonic() + seconds

    def run(_: int) -> int:
        made = 0
        while time.monotonic() < end:
            call()
            made += 1
        return made

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(run, range(threads))) / seconds


def cold_start(base: Path, log: Path, *, rounds: int) -> Pair:
    """Return seconds from the start of a process until every model of `base` is there.

    In process: Python, TensorFlow, and `tf.saved_model.load` of version 1 of each. The server: until all of
    them are live, warmed up.
    """
    models = sorted(folder.name for folder in base.iterdir())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    times = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", LOAD_IN_PROCESS, str(base)], check=True, env=environment)
        loaded = time.perf_counter()
        with started(base, log) as server, Client(server.address, timeout_seconds=120) as client:
            for model in models:
                client.wait_until_ready(model)
            times.append((loaded - begin, time.perf_counter() - loaded))
    in_process, served = np.median(np.array(times[1:]), axis=0)
    return Pair(float(in_process), float(served))
