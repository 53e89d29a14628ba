"""What a client or a model does wrong stays its own matter: the server answers the others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from serving_helpers import StartServer
from serving_models import predict_request, spec_of
from test_lifecycle import ask, eventually

from kzoo.files import folder_written_aside
from kzoo.serving import Client
from kzoo.serving.errors import CallError

CALLS_UNTIL_ONE_IS_REFUSED = """
import queue, sys, time
import grpc

address, message = sys.argv[1], bytes.fromhex(sys.argv[2])
refused = queue.Queue()
call = grpc.insecure_channel(address).unary_unary("/tensorflow.serving.PredictionService/Predict")
for _ in range(4):
    call.future(message).add_done_callback(lambda done: refused.put(done.code()))
print(refused.get(), flush=True)
time.sleep(600)
"""


class Fragile(tf.Module):
    """Fails in its graph in three ways, by what it is given."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="x")])
    def positive(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([tf.debugging.assert_positive(x, "x must be positive")]):
            return {"y": tf.identity(x)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="path")])
    def read(self, path: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"content": tf.io.read_file(path)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64, name="size")])
    def fill(self, size: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": tf.reduce_sum(tf.random.uniform([size]))}


def statuses(log: Path) -> Counter[str]:
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    return Counter(entry["status"] for entry in entries if entry["signature"] == "slow")


def test_the_calls_of_a_client_that_vanishes_do_not_take_the_place_of_others(
    base: Path, start_server: StartServer, tmp_path: Path
) -> None:
    log = tmp_path / "calls.jsonl"
    limits = ("--max-concurrent-calls", "1", "--max-queued-calls", "2", "--request-log", str(log))
    server = start_server(base, *limits)
    with Client(server.address) as client:
        client.wait_until_ready("tiny")
        request = predict_request(spec_of("tiny", "slow"), rounds=np.int32(600))
        message = request.SerializeToString().hex()
        gone = subprocess.Popen(
            [sys.executable, "-c", CALLS_UNTIL_ONE_IS_REFUSED, server.address, message],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert gone.stdout is not None
        assert gone.stdout.readline().strip() == "StatusCode.RESOURCE_EXHAUSTED"  # all places are taken
        gone.kill()
        gone.communicate()
        eventually(lambda: statuses(log).total() == 4)
        assert ask(client).shape == (2, 3)
    assert statuses(log)["RESOURCE_EXHAUSTED"] == 1
    assert statuses(log)["CANCELLED"] >= 2  # the two that waited never ran


def test_a_model_that_fails_in_its_graph_says_so_and_answers_the_next_call(
    start_server: StartServer, tmp_path: Path
) -> None:
    model = Fragile()
    with folder_written_aside(tmp_path / "models" / "fragile" / "1") as aside:
        signatures = {"serving_default": model.positive, "read": model.read, "fill": model.fill}
        tf.saved_model.save(model, str(aside), signatures=signatures)
    server = start_server(tmp_path / "models")
    with Client(server.address) as client:
        client.wait_until_ready("fragile")
        for signature, given, status, message in (
            ("serving_default", {"x": np.float32(-1)}, "INVALID_ARGUMENT", "x must be positive"),
            ("read", {"path": np.array(b"/there/is/none", object)}, "NOT_FOUND", "/there/is/none"),
            ("fill", {"size": np.int64(1 << 44)}, "RESOURCE_EXHAUSTED", "OOM when allocating"),
        ):
            with pytest.raises(CallError, match=message) as caught:
                client.predict("fragile", given, signature=signature)
            assert caught.value.status == status
            assert client.predict("fragile", {"x": np.float32(3)})["y"] == 3
