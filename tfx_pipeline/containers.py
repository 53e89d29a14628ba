"""An export on trial in a container: TensorFlow Serving's own server, as Docker runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kzoo.errors import ServingError, UsageError
from tfx_pipeline.versions import ANY_VERSION

GRPC = "8500/tcp"
LOG_LINES = 20


def require_docker(image: str) -> None:
    """See that Docker runs, before anything else of a pipeline does.

    Raises:
        UsageError: if it does not.
    """
    with _daemon(image):
        pass


def container_options(version: Path, name: str, image: str) -> dict[str, Any]:
    """Return what Docker is asked for: a server of one version, on a free port of this machine alone.

    Args:
        version: folder of an export, which the container reads.
        name: of the model.
        image: of TensorFlow Serving, as tensorflow/serving:2.21.0.
    """
    from docker.types import Mount

    place = Mount(f"/models/{name}/{ANY_VERSION}", str(version.resolve()), type="bind", read_only=True)
    return {
        "image": image,
        "environment": {"MODEL_NAME": name},
        "mounts": [place],
        "ports": {GRPC: ("127.0.0.1", None)},
        "detach": True,
    }


@contextmanager
def served_in_container(version: Path, name: str, image: str) -> Iterator[str]:
    """Run an image over one version of a model while the block lasts; yield its address.

    Raises:
        UsageError: if Docker does not run.
        ServingError: if the image cannot be run, or the block raises one; it says what the container said.
    """
    import docker.errors

    with _daemon(image) as daemon:
        try:
            container = daemon.containers.run(**container_options(version, name, image))
        except docker.errors.DockerException as error:
            raise ServingError(f"{image} cannot be run: {error}") from error
        try:
            container.reload()
            yield f"127.0.0.1:{container.ports[GRPC][0]['HostPort']}"
        except ServingError as error:
            said = container.logs(tail=LOG_LINES).decode("utf-8", "replace")
            raise ServingError(f"{image}: {error}; the container said: {said}") from error
        finally:
            container.remove(force=True)


@contextmanager
def _daemon(image: str) -> Iterator[Any]:
    import docker
    import docker.errors

    try:
        daemon = docker.from_env()
        daemon.ping()
    except docker.errors.DockerException as error:
        raise UsageError(f"a model cannot be tried in {image}: Docker does not answer ({error})") from error
    try:
        yield daemon
    finally:
        daemon.close()
