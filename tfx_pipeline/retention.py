"""How long the pipeline keeps what its runs made: as long as the versions that came of it."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from kzoo.serving.versions import version_numbers
from tfx_pipeline.history import PIPELINE_RUN, list_runs, open_store
from tfx_pipeline.settings import Settings
from tfx_pipeline.spans import describe, window
from tfx_pipeline.versions import origin_of

FINISHED = "final.keras"


def prune(settings: Settings) -> list[str]:
    """Remove what no run needs any more, and return the folders of artifacts that are gone.

    The newest `keep` runs stay, and those that pushed a version that is there still, or the original of
    one; artifacts that these
    have made or taken from the cache stay with them. Folders of trainings that have ended go, which
    the Trainer has copied, and those of other windows than the present one. With `keep` 0 all artifacts stay.
    """
    _remove_finished_trainings(settings.root / "runs")
    _remove_other_windows(settings)
    if not settings.keep:
        return []
    found = list_runs(settings.metadata)
    served = settings.destination / settings.system
    there = {origin_of(served / str(version)) for version in version_numbers(served)} - {None}
    newest = {run.name for run in found[-settings.keep :]}
    kept = {run.name for run in found if run.name in newest or run.version in there}
    return _remove_artifacts(open_store(settings.metadata), kept)


def _remove_artifacts(store: Any, kept: Collection[str]) -> list[str]:
    from ml_metadata.proto import metadata_store_pb2

    needed: set[int] = set()
    others: dict[int, Any] = {}
    for context in store.get_contexts_by_type(PIPELINE_RUN):
        executions = [one.id for one in store.get_executions_by_context(context.id)]
        events = store.get_events_by_execution_ids(executions) if executions else []
        identities = [event.artifact_id for event in events]
        if context.name in kept:
            needed.update(identities)
        else:
            others |= {one.id: one for one in store.get_artifacts_by_id(identities)}
    live = metadata_store_pb2.Artifact.LIVE
    gone = [one for key, one in others.items() if key not in needed and one.state == live]
    for artifact in gone:
        artifact.state = metadata_store_pb2.Artifact.DELETED
    if gone:
        store.put_artifacts(gone)
    for artifact in gone:
        shutil.rmtree(artifact.uri, ignore_errors=True)
    return [artifact.uri for artifact in gone]


def _remove_finished_trainings(runs: Path) -> None:
    for path in runs.glob(f"*/{FINISHED}"):
        shutil.rmtree(path.parent)


def _remove_other_windows(settings: Settings) -> None:
    present = describe(window(settings.spans, last=settings.last)).fingerprint[:16]
    for path in (settings.root / "windows").iterdir():
        if path.name != present:
            shutil.rmtree(path)
