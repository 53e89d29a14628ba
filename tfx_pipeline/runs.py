"""Running the pipeline on this machine, what its runs did, and going back to an older version."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kzoo.errors import KzooError, UsageError
from kzoo.export.export import versions
from tfx_pipeline.settings import Settings
from tfx_pipeline.spans import describe, schema_key, window

LOCK_FILE = ".lock"
_BEGUN = re.compile(r"Component (\S+) is running\.")
PIPELINE_RUN = "pipeline_run"
_STATES = ("UNKNOWN", "NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELED")


@dataclass(frozen=True)
class PipelineRun:
    """What one run of a pipeline did, as the metadata store tells it.

    Attributes:
        name: the time it began, in UTC.
        components: state of each, in the order of their execution.
        spans, fingerprint, recipe: what was trained on what; empty if the run did not come so far.
        schema: hash of the spans' kind, classes and facts.
        blessed, infra_blessed: None if the run did not come so far.
        version: that was pushed, or None.
        model: where the model lies that was trained, or "".
    """

    name: str
    components: Mapping[str, str]
    spans: tuple[str, ...] = ()
    fingerprint: str = ""
    recipe: str = ""
    schema: str = ""
    blessed: bool | None = None
    infra_blessed: bool | None = None
    version: int | None = None
    model: str = ""

    @property
    def trained(self) -> bool:
        """Whether this run trained, and did not find it done."""
        return self.components.get("Trainer") == "COMPLETE"


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
        say: called with the name of each component as it begins.

    Raises:
        UsageError: if another run has not ended.
        DataError: if there is no span or one is broken.
        KzooError: if a component fails; the message names it. A later run begins there.
    """
    from tfx import v1 as tfx

    from tfx_pipeline.pipeline import make_pipeline

    with locked(settings.root):
        pipeline = make_pipeline(settings, baseline=last_pushed(settings))
        try:
            with _only_names(say):
                tfx.orchestration.LocalDagRunner().run(pipeline)
        except Exception as error:
            failed = [name for name, state in _newest(settings).items() if state == "FAILED"]
            where = f"{', '.join(failed) or 'a component'} of {settings.name}"
            raise KzooError(f"{where} failed: {error}; a later run begins there") from error
        return list_runs(settings.metadata)[-1]


@contextmanager
def _only_names(say: Callable[[str], None]) -> Iterator[None]:
    """Let TFX's log, some hundred lines a run, say no more than which component begins, and errors."""
    from absl import logging as absl_logging

    class Names(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if begun := _BEGUN.fullmatch(record.getMessage()):
                say(begun[1])
            elif record.levelno >= logging.ERROR:
                say(record.getMessage())

    logger, before = absl_logging.get_absl_logger(), absl_logging.get_verbosity()
    handlers, logger.handlers, logger.propagate = list(logger.handlers), [Names()], False
    absl_logging.set_verbosity(absl_logging.INFO)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, True
        absl_logging.set_verbosity(before)


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
    from tfx_pipeline.components.push import origin_of_served

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


def list_runs(metadata: Path) -> list[PipelineRun]:
    """Return all runs that a metadata store knows, oldest first.

    Raises:
        UsageError: if there is no such file.
    """
    if not metadata.is_file():
        raise UsageError(f"there is no metadata store {metadata}; no pipeline has run there")
    store = _store(metadata)
    contexts = sorted(store.get_contexts_by_type(PIPELINE_RUN), key=lambda one: one.create_time_since_epoch)
    return [_describe(store, context) for context in contexts]


def rollback(folder: Path, version: int) -> int:
    """Serve an older version again: a copy of it becomes the newest version. Return the new number.

    Servers load the newest version, so that going back is going forward: nothing is removed, and the version
    that was wrong stays to be looked at.

    Args:
        folder: of all versions of a model.
        version: one of them.

    Raises:
        UsageError: if it is not there, or is the newest.
        KzooError: if the copy cannot be written.
    """
    there = versions(folder)
    if version not in there:
        raise UsageError(f"{folder} has no version {version}, only {', '.join(map(str, there)) or 'none'}")
    if version == there[-1]:
        raise UsageError(f"version {version} of {folder} is the one that is served")
    from tfx_pipeline.components.push import copy_version

    return copy_version(folder, version)


def _store(metadata: Path) -> Any:
    from ml_metadata import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata)
    return MetadataStore(config)


def _newest(settings: Settings) -> Mapping[str, str]:
    return list_runs(settings.metadata)[-1].components if settings.metadata.is_file() else {}


def _describe(store: Any, context: Any) -> PipelineRun:
    types = {one.id: one.name for one in store.get_execution_types()}
    executions = sorted(store.get_executions_by_context(context.id), key=lambda one: one.id)
    components = {types[one.type_id].split(".")[-1]: _STATES[one.last_known_state] for one in executions}
    artifacts = _outputs(store, executions)
    pushed, model = artifacts.get("PushedModel"), artifacts.get("Model")
    told = json.loads(_parameter(executions, "lineage") or "{}")
    return PipelineRun(
        name=context.name,
        components=components,
        spans=tuple(told.get("spans", ())),
        fingerprint=told.get("fingerprint", ""),
        recipe=told.get("recipe", ""),
        schema=told.get("schema", ""),
        blessed=_flag(artifacts.get("ModelBlessing"), "blessed"),
        infra_blessed=_flag(artifacts.get("InfraBlessing"), "blessed"),
        version=_number(pushed, "version") if _flag(pushed, "pushed") else None,
        model=model.uri if model is not None else "",
    )


def _outputs(store: Any, executions: list[Any]) -> dict[str, Any]:
    from ml_metadata.proto import metadata_store_pb2

    own = {one.id for one in executions}
    events = store.get_events_by_execution_ids(list(own)) if own else []
    output = metadata_store_pb2.Event.Type.OUTPUT
    identities = [event.artifact_id for event in events if event.type == output]
    names = {one.id: one.name for one in store.get_artifact_types()}
    found = store.get_artifacts_by_id(identities) if identities else []
    return {names[one.type_id]: one for one in found}


def _parameter(executions: list[Any], name: str) -> str:
    for one in executions:
        if name in one.custom_properties:
            value: str = one.custom_properties[name].string_value
            return value
    return ""


def _number(artifact: Any, name: str) -> int | None:
    if artifact is None or name not in artifact.custom_properties:
        return None
    return int(artifact.custom_properties[name].int_value)


def _flag(artifact: Any, name: str) -> bool | None:
    number = _number(artifact, name)
    return None if number is None else bool(number)
