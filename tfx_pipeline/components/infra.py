"""Infrastructure validation by the embedded server: a process of its own that loads the model and answers."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from tfx import v1 as tfx
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils
from tfx.utils import path_utils

from kzoo.errors import KzooError, ServingError
from kzoo.export.requests import WARM_UP_FILE
from kzoo.serving.search import INDEX_FOLDER
from tfx_pipeline.components.index import ANY_VERSION, RetrievalIndex

REQUESTS = 8
START_SECONDS = 120


@component
def EmbeddedInfraValidator(  # noqa: N802  a component is named like a class
    model: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model],
    examples: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Examples],
    blessing: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.InfraBlessing],
    name: tfx.dsl.components.Parameter[str],
    text: tfx.dsl.components.Parameter[str],
    index: tfx.dsl.components.InputArtifact[RetrievalIndex] = None,
) -> None:
    """Serve the model to itself with real requests of the split "eval", and bless it if all are answered.

    They are the version's warm-up requests, with images, and texts from the feature `text`, of that split.
    """
    from tfx_pipeline.records import Records

    records = Records.in_folders({"eval": artifact_utils.get_split_uri([examples], "eval")})
    images = records.images("eval", REQUESTS)
    texts = [one.encode() for one in records.texts("eval", text, REQUESTS)] if text else []
    path = Path(path_utils.serving_model_path(model.uri))
    try:
        check(path, name, images, texts, None if index is None else Path(index.uri))
        reason = ""
    except KzooError as error:
        reason = str(error)
    blessed = not reason
    Path(blessing.uri).mkdir(parents=True, exist_ok=True)
    (Path(blessing.uri) / ("INFRA_BLESSED" if blessed else "INFRA_NOT_BLESSED")).write_text(reason)
    blessing.set_int_custom_property("blessed", int(blessed))
    blessing.set_string_custom_property("reason", reason)


def check(
    version: Path, name: str, images: list[bytes], texts: list[bytes], index: Path | None = None
) -> None:
    """Serve a model's folder from a process of its own and ask every endpoint, in batches of 1 and of 8.

    Args:
        version: folder of an export.
        name: of the model.
        images, texts: that it is asked with.
        index: that is served with it; then `search` is asked too.

    Raises:
        ServingError: if the server does not start, or an answer is an error or not a number.
    """
    from kzoo.serving import Client

    with served(version, name, index) as address, Client(address) as client:
        client.wait_until_ready(name, timeout_seconds=START_SECONDS)
        for signature, inputs in requests(version, images, texts):
            answers = client.predict(name, inputs, signature=signature, timeout_seconds=START_SECONDS)
            for output, values in answers.items():
                if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
                    raise ServingError(f"{name}: {output!r} of {signature!r} is not finite")
        if index is not None:
            client.search(name, images[0], k=1)


def requests(
    version: Path, images: list[bytes], texts: list[bytes]
) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Return a version's warm-up requests as (signature, inputs), its images and texts replaced by others.

    Args:
        version: folder of an export.
        images, texts: taken in turn; where there are none, those of the request stay.
    """
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    found = []
    for record in tf.data.TFRecordDataset(str(version / WARM_UP_FILE)).as_numpy_iterator():
        request = PredictionLog.FromString(record).predict_log.request
        inputs = {input_: tf.make_ndarray(tensor) for input_, tensor in request.inputs.items()}
        for input_, values in inputs.items():
            others = images if input_.startswith("image") else texts
            if values.dtype == object and others:
                values[:] = list(islice(cycle(others), len(values)))
        found.append((request.model_spec.signature_name, inputs))
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
