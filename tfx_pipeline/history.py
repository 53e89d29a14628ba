"""What the runs of a pipeline did, as its metadata store tells it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kzoo.errors import DataError, KzooError, UsageError
from kzoo.export.card import CARD_FILE
from tfx_pipeline.reports import REPORT_FILE, REPORT_PAGE

PIPELINE_RUN = "pipeline_run"
LOCK_SECONDS = 5
_STATES = ("UNKNOWN", "NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELED")
_EXPORT_FOLDER = "Format-Serving"


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
        commit: of the code that trained it, or "".
        metric: name of the metric that decided, or "".
        metrics: of the model on the evaluation split; None where one is not a number.
        report: the page about them, or "".
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
    commit: str = ""
    metric: str = ""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    report: str = ""

    @property
    def trained(self) -> bool:
        """Whether this run trained, and did not find it done."""
        return self.components.get("Trainer") == "COMPLETE"

    @property
    def outcome(self) -> str:
        """What came of it, as "version 2"."""
        if failed := [name for name, state in self.components.items() if state == "FAILED"]:
            return f"{', '.join(failed)} failed"
        if self.version is not None:
            return f"version {self.version}"
        if self.blessed is False:
            return "not blessed"
        if self.infra_blessed is False:
            return "not served: the server could not answer with it"
        return f"ended after {list(self.components)[-1]}" if self.components else "not begun"

    def in_words(self) -> str:
        """Return three lines: when it began and what came of it, of what it was made, how good it is."""
        trained = (
            "trained" if self.trained else "nothing new" if "Trainer" in self.components else "not trained"
        )
        value = self.metrics.get(self.metric)
        measured = [] if value is None else [f"{self.metric} {value:.4g}"]
        commit, dirty, _ = self.commit.partition("-dirty")
        made_of = {
            "spans": ", ".join(self.spans),
            "data": self.fingerprint[:12],
            "recipe": self.recipe,
            "code": commit[:7] + dirty,
        }
        told = ", ".join(f"{name} {value}" for name, value in made_of.items() if value)
        return "\n".join(
            [f"{self.name[:19]}  {self.outcome}", *_indented(told, ", ".join([trained, *measured]))]
        )


def _indented(*lines: str) -> list[str]:
    return [f"    {line}" for line in lines if line]


def list_runs(metadata: Path) -> list[PipelineRun]:
    """Return all runs that a metadata store knows, oldest first.

    Raises:
        UsageError: if there is no such file.
        DataError: if it is no metadata store.
        KzooError: if another process holds it.
    """
    if not metadata.is_file():
        raise UsageError(f"there is no metadata store {metadata}; no pipeline has run there")
    check_store(metadata, metadata.parent)
    store = open_store(metadata)
    contexts = sorted(store.get_contexts_by_type(PIPELINE_RUN), key=lambda one: one.create_time_since_epoch)
    return [_describe(store, context) for context in contexts]


def evaluation_of_newest(metadata: Path) -> Path | None:
    """Return the folder of the newest run's evaluation; None if it did not come so far."""
    store = open_store(metadata)
    newest = max(store.get_contexts_by_type(PIPELINE_RUN), key=lambda one: one.create_time_since_epoch)
    evaluation = _outputs(store, store.get_executions_by_context(newest.id)).get("ModelEvaluation")
    return None if evaluation is None else Path(evaluation.uri)


def check_store(metadata: Path, artifacts: Path) -> None:
    """See that a metadata store can be written, or that there has been none yet.

    Raises:
        DataError: if it is gone while its artifacts are there, or is no metadata store.
        KzooError: if another process holds it.
    """
    if not metadata.is_file():
        if artifacts.is_dir() and any(artifacts.iterdir()):
            raise DataError(
                f"the metadata store {metadata} is gone, while {artifacts} has what runs made: bring it back "
                "from a backup, or move the artifacts away to begin anew"
            )
        return
    try:
        connection = sqlite3.connect(metadata, timeout=LOCK_SECONDS)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("SELECT COUNT(*) FROM Execution")
            connection.rollback()
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        raise KzooError(f"the metadata store {metadata} cannot be written: {error}") from error
    except sqlite3.DatabaseError as error:
        raise DataError(f"{metadata} is no metadata store: {error}; bring it back from a backup") from error


def open_store(metadata: Path) -> Any:
    """Return ML Metadata's own view of the file."""
    from ml_metadata import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata)
    return MetadataStore(config)


def _describe(store: Any, context: Any) -> PipelineRun:
    types = {one.id: one.name for one in store.get_execution_types()}
    executions = sorted(store.get_executions_by_context(context.id), key=lambda one: one.id)
    components = {types[one.type_id].split(".")[-1]: _STATES[one.last_known_state] for one in executions}
    artifacts = _outputs(store, executions)
    pushed, model = artifacts.get("PushedModel"), artifacts.get("Model")
    told = json.loads(_parameter(executions, "lineage") or "{}")
    card = _content(model, f"{_EXPORT_FOLDER}/{CARD_FILE}")
    report = _content(artifacts.get("ModelEvaluation"), REPORT_FILE)
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
        commit=card.get("environment", {}).get("commit", ""),
        metric=report.get("metric", ""),
        metrics=report.get("metrics", {}),
        report=str(Path(artifacts["ModelEvaluation"].uri) / REPORT_PAGE) if report else "",
    )


def _content(artifact: Any, file: str) -> dict[str, Any]:
    """Return a JSON file of an artifact; {} where there is no such artifact or file, as after its removal."""
    path = None if artifact is None else Path(artifact.uri) / file
    if path is None or not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


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
