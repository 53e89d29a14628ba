"""Running the pipeline on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kzoo.errors import KzooError, UsageError
from tfx_pipeline.containers import require_docker
from tfx_pipeline.history import PipelineRun, check_store, list_runs
from tfx_pipeline.log import logged
from tfx_pipeline.retention import prune
from tfx_pipeline.settings import Settings
from tfx_pipeline.spans import describe, schema_key, window
from tfx_pipeline.versions import origin_of_served

LOCK_FILE, LOGS = ".lock", "logs"


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the pipeline's lock while the block lasts; the system lets go of it when the process ends.

    Raises:
        UsageError: if another run holds it.
    """
    from filelock import FileLock, Timeout

    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(f"another run of the pipeline in {root} has not ended") from error
    try:
        yield
    finally:
        lock.release()


def run_local(settings: Settings, say: Callable[[str], None] = lambda text: None) -> PipelineRun:
    """Run the pipeline in this process; what has run on the same input is taken from the cache.

    Args:
        settings: of the pipeline.
        say: called with the name of the log, then of each component as it begins; see `tfx_pipeline.log`.

    Raises:
        UsageError: if another run has not ended, or Docker is needed and does not answer.
        DataError: if there is no span or one is broken, or the metadata store is.
        KzooError: if a component fails; the message names it and the log. A later run begins there.
    """
    with locked(settings.root):
        check_store(settings.metadata, settings.artifacts)
        window(settings.spans, last=settings.last)
        if settings.container:
            require_docker(settings.container)
        log = settings.root / LOGS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.log"
        say(f"log: {log}")
        with logged(log, say):
            found = _run(settings, log)
            prune(settings)
        return found


def _run(settings: Settings, log: Path) -> PipelineRun:
    from tfx import v1 as tfx

    from tfx_pipeline.pipeline import make_pipeline
    from tfx_pipeline.tfma_report import write_report

    pipeline = make_pipeline(settings, baseline=last_pushed(settings))
    try:
        tfx.orchestration.LocalDagRunner().run(pipeline)
    except Exception as error:
        failed = [name for name, state in _newest(settings).items() if state == "FAILED"]
        where = f"{', '.join(failed) or 'a component'} of {settings.name}"
        raise KzooError(
            f"{where} failed: {error}; a later run begins there; all of it is in {log}"
        ) from error
    write_report(settings)
    return list_runs(settings.metadata)[-1]


def _newest(settings: Settings) -> Mapping[str, str]:
    return list_runs(settings.metadata)[-1].components if settings.metadata.is_file() else {}


def last_pushed(settings: Settings) -> str | None:
    """Return where the model lies that is served, or else the newest before it that had other spans, or None.

    After a rollback the served version is a copy of an older one; versions pushed after that one are passed
    over.

    What was trained on the same spans is left out, so that running again on unchanged input begins from the
    same model and finds all of it done. So is a model of other classes, or of the same in another order.
    """
    if not settings.metadata.is_file():
        return None
    spans = window(settings.spans, last=settings.last)
    described = describe(spans)
    now, schema = described.fingerprint, schema_key(described)
    served = origin_of_served(settings.destination / settings.system)
    pushed = [
        (run.version, run.model)
        for run in list_runs(settings.metadata)
        if run.version is not None
        and (served is None or run.version <= served)
        and run.fingerprint != now
        and run.schema == schema
    ]
    return max(pushed)[1] if pushed else None
