"""An export on trial: a server in a process of its own loads it, with its index, and answers requests."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from kzoo.errors import ServingError
from kzoo.export.requests import Request
from kzoo.serving.versions import INDEX_FOLDER, WARM_UP_FILE
from tfx_pipeline.versions import ANY_VERSION

START_SECONDS = 120


def ask(address: str, name: str, asked: Sequence[Request], searched: bytes | None = None) -> None:
    """Ask a server until the model is ready, and then one request after another.

    Args:
        address: of the server.
        name: of the model.
        asked: requests.
        searched: an encoded image that `search` is asked with, where an index is served with the model.

    Raises:
        ServingError: if the model is not ready in time, or an answer is an error or not a number.
    """
    from kzoo.serving.client import Client

    with Client(address) as client:
        client.wait_until_ready(name, timeout_seconds=START_SECONDS)
        for one in asked:
            answers = client.predict(
                name, dict(one.inputs), signature=one.signature, timeout_seconds=START_SECONDS
            )
            for output, values in answers.items():
                if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
                    raise ServingError(f"{name}: {output!r} of {one.signature!r} is not finite")
        if searched is not None:
            client.search(name, searched, k=1)


def requests(version: Path, inputs: Mapping[str, Sequence[bytes]]) -> list[Request]:
    """Return a version's warm-up requests, in batches of 1 and 8, its encoded images and texts replaced.

    Args:
        version: folder of an export.
        inputs: what takes their place in turn, by the name of an endpoint's input; what is not named, or
            has nothing, keeps its own.
    """
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    found = []
    for record in tf.data.TFRecordDataset(str(version / WARM_UP_FILE)).as_numpy_iterator():
        request = PredictionLog.FromString(record).predict_log.request
        own = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        for name, values in own.items():
            if values.dtype == object and inputs.get(name):
                values[:] = list(islice(cycle(inputs[name]), len(values)))
        found.append(Request(request.model_spec.signature_name, own))
    return found


@contextmanager
def served(version: Path, name: str, index: Path | None = None) -> Iterator[str]:
    """Run `kzoo serve` over one version of a model, and its index, while the block lasts; yield its address.

    Raises:
        ServingError: if the server does not listen in time.
    """
    with tempfile.TemporaryDirectory() as folder:
        base, port_file, log = Path(folder) / "models", Path(folder) / "port", Path(folder) / "log"
        assembled = base / name / ANY_VERSION
        assembled.mkdir(parents=True)
        for path in version.resolve().iterdir():
            (assembled / path.name).symlink_to(path)
        if index is not None:
            (assembled / INDEX_FOLDER).symlink_to(index.resolve())
        command = [sys.executable, "-m", "tfx_pipeline.watched", "serve", str(base), "--port", "0"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--port-file", str(port_file)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield f"127.0.0.1:{_port(process, port_file, log)}"
        finally:
            process.terminate()
            process.wait()


def _port(process: subprocess.Popen[bytes], port_file: Path, log: Path) -> int:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if port_file.is_file() and port_file.read_text().strip():
            return int(port_file.read_text())
        time.sleep(0.2)
    raise ServingError(f"the server did not listen within {START_SECONDS} s: {log.read_text()[-2000:]}")
