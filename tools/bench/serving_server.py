"""A server in a process of its own, and models for it, for the benchmarks of serving."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil

CLASSES = ("apple", "bird", "car", "deer", "eel", "frog", "goat", "horse")
TENSOR_SIGNATURE = "serving_tensor"
ROOT = Path(__file__).resolve().parents[2]
BARE_SERVER = """
import sys
from concurrent import futures
import grpc

answer = sys.stdin.buffer.read()
handler = grpc.unary_unary_rpc_method_handler(lambda request, context: answer)
server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("bare", {"Answer": handler})])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""
SMALL, FULL, WIDE = "cfn_small", "cfn_full", "dense_wide"
WIDTH = 4096


@dataclass(frozen=True)
class Server:
    """A process that serves.

    Attributes:
        address: what a client connects to.
        process: to be looked at or ended.
        log: file with its standard error.
    """

    address: str
    process: subprocess.Popen[str]
    log: Path

    def resident_bytes(self) -> int:
        """Return the memory that the process holds."""
        return int(psutil.Process(self.process.pid).memory_info().rss)


@contextmanager
def started(base: Path, log: Path, *options: str) -> Iterator[Server]:
    """Run `python -m kzoo.serving BASE` on a free port until the block ends.

    Raises:
        RuntimeError: with what it printed, if it does not listen.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "kzoo.serving", str(base), "--port", "0", *options]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"the server did not start:\n{log.read_text('utf-8')}")
        yield Server(line.split()[-1], process, log)
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def bare_server(answer: bytes) -> Iterator[str]:
    """Answer each call of /bare/Answer with the same bytes, in a process of its own; yields the address.

    It does nothing but what gRPC itself does in Python: no call by way of gRPC can cost less.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", BARE_SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(answer)
        process.stdin.close()
        yield f"127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def export_models(
    base: Path, *, versions: Sequence[int] = (1, 2), names: Sequence[str] = (SMALL, FULL)
) -> None:
    """Export CFN-A with random weights, other ones in each version, unless it is there already.

    `cfn_small` is the registry's tiny variant, `cfn_full` the thesis's network. Both take float32 images
    (N, 32, 32, 3) from 0 to 255 under the signature `serving_tensor`.
    """
    import dataclasses

    import keras

    from kzoo import registry
    from kzoo.export import export_model

    for name in names:
        system = dataclasses.replace(registry.find("cfn_a"), name=name)
        for version in versions:
            if (base / name / str(version)).is_dir():
                continue
            keras.utils.set_random_seed(100 * version + len(name))
            options = system.tiny if name == SMALL else {}
            model = system.build(**{**options, "classes": len(CLASSES)})
            export_model(model, system, classes=CLASSES, out=base, version=version, quiet=True)


def export_wide(base: Path) -> None:
    """Export two dense layers of WIDTH over the pixels, random weights, unless they are there already.

    Their weights, 117 MB, take longer to read than the sums take, and a batch reads them once: a model that
    gains by batching on a processor too. Signature and output are as those of `export_models`.
    """
    import tensorflow as tf

    folder = base / WIDE / "1"
    if folder.is_dir():
        return
    random = np.random.default_rng(0)
    sizes = (32 * 32 * 3, WIDTH, WIDTH, len(CLASSES))
    module = tf.Module()
    module.kernels = [
        tf.Variable(random.normal(0, (2 / rows) ** 0.5, (rows, columns)).astype(np.float32))
        for rows, columns in pairwise(sizes)
    ]

    @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3), tf.float32, name="image")])
    def classify(image: tf.Tensor) -> dict[str, tf.Tensor]:
        hidden = tf.reshape(image, (-1, sizes[0])) / 255
        for kernel in module.kernels[:-1]:
            hidden = tf.nn.relu(hidden @ kernel)
        return {"probabilities": tf.nn.softmax(hidden @ module.kernels[-1])}

    module.classify = classify
    tf.saved_model.save(module, str(folder), signatures={TENSOR_SIGNATURE: classify})


def images(count: int, seed: int = 0) -> np.ndarray:
    """Return float32 images (N, 32, 32, 3) from 0 to 255: a colour each, and noise."""
    random = np.random.default_rng(seed)
    colours = random.integers(0, 256, (count, 1, 1, 3))
    noise = random.integers(0, 256, (count, 32, 32, 3))
    return ((3 * colours + noise) // 4).astype(np.float32)
