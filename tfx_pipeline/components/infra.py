"""Infrastructure validation by the embedded server: a process of its own that loads the model and answers."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils
from tfx.utils import path_utils

from kzoo.errors import KzooError, ServingError

REQUESTS = 8
START_SECONDS = 120


@component
def EmbeddedInfraValidator(  # noqa: N802  a component is named like a class
    model: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model],
    examples: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Examples],
    blessing: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.InfraBlessing],
    name: tfx.dsl.components.Parameter[str],
) -> None:
    """Serve the model to itself with real requests of the split "eval", and bless it if all are answered."""
    from tfx_pipeline.records import open_records

    folder = artifact_utils.get_split_uri([examples], "eval")
    files = {"eval": [str(path) for path in sorted(Path(folder).iterdir())]}
    images = open_records(files, (), name="eval", fingerprint="", licence="").encoded("eval", REQUESTS)
    path = Path(path_utils.serving_model_path(model.uri))
    try:
        check(path, name, images)
        reason = ""
    except KzooError as error:
        reason = str(error)
    blessed = not reason
    Path(blessing.uri).mkdir(parents=True, exist_ok=True)
    (Path(blessing.uri) / ("INFRA_BLESSED" if blessed else "INFRA_NOT_BLESSED")).write_text(reason)
    blessing.set_int_custom_property("blessed", int(blessed))
    blessing.set_string_custom_property("reason", reason)


def check(version: Path, name: str, images: list[bytes]) -> None:
    """Serve a model's folder from a process of its own and ask it for the classes of images.

    Raises:
        ServingError: if the server does not start, or an answer is an error or not as long as the question.
    """
    from kzoo.serving import Client

    with served(version, name) as address, Client(address) as client:
        client.wait_until_ready(name, timeout_seconds=START_SECONDS)
        answers = client.classify(name, images)
        if len(answers) != len(images):
            raise ServingError(f"{name} gave {len(answers)} answers to {len(images)} images")


@contextmanager
def served(version: Path, name: str) -> Iterator[str]:
    """Run `kzoo serve` over one version of one model while the block lasts, and yield its address.

    Raises:
        ServingError: if the server does not listen in time.
    """
    with tempfile.TemporaryDirectory() as folder:
        base, port_file, log = Path(folder) / "models", Path(folder) / "port", Path(folder) / "log"
        (base / name).mkdir(parents=True)
        (base / name / "1").symlink_to(version.resolve())
        command = [sys.executable, "-m", "kzoo.cli", "serve", str(base), "--port", "0"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--port-file", str(port_file)], stdout=output, stderr=subprocess.STDOUT
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
