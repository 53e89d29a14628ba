"""kill -9 in every component: the next run goes on from there, and no server ever sees half a version."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import killed_runs
import pytest
from changed_spans import Examples, deliver_changed
from killed_runs import (
    as_it_begins,
    before_a_checkpoint_has_its_name,
    before_a_process_starts,
    before_a_version_has_its_name,
    pictures,
)

from kzoo.data.sources import open_source
from kzoo.errors import DataError, KzooError
from kzoo.export.card import read_card
from kzoo.retrieval import Index
from kzoo.serving.versions import version_numbers
from tfx_pipeline.history import list_runs
from tfx_pipeline.retention import prune
from tfx_pipeline.runs import last_pushed, run_local
from tfx_pipeline.spans import deliver
from tfx_pipeline.versions import retire, rollback

pytestmark = pytest.mark.slow

MOMENTS = [
    ("ImportExampleGen", as_it_begins),
    ("ImportSchemaGen", as_it_begins),
    ("StatisticsGen", as_it_begins),
    ("ExampleValidator", as_it_begins),
    ("AnomalyGate", as_it_begins),
    ("Trainer", before_a_checkpoint_has_its_name),
    ("Trainer", before_a_process_starts),
    ("Evaluator", as_it_begins),
    ("KzooEvaluator", as_it_begins),
    ("IndexBuilder", as_it_begins),
    ("EmbeddedInfraValidator", before_a_process_starts),
    ("VersionPusher", before_a_version_has_its_name),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("kills")
    deliver(open_source(str(pictures(folder / "first", seed=0))), folder / "pipeline" / "spans")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(("component", "moment"), MOMENTS)
def test_killed_in_a_component(folder: Path, component: str, moment: killed_runs.Moment) -> None:
    evaluator = component if component in killed_runs.METRICS else "Evaluator"
    assert killed_runs.run(folder, component, moment, evaluator) == -signal.SIGKILL
    assert version_numbers(folder / "savedmodels" / "cfn_a") == []


def test_the_next_run_completes(folder: Path) -> None:
    assert killed_runs.run(folder) == 0
    newest = list_runs(folder / "pipeline" / "metadata.sqlite")[-1]
    states = dict(newest.components)
    assert {states.pop("VersionPusher"), states.pop("EmbeddedInfraValidator")} == {"COMPLETE", "CACHED"}
    assert set(states.values()) == {"CACHED"}
    served = folder / "savedmodels" / "cfn_a"
    assert version_numbers(served) == [newest.version] == [1]
    assert read_card(served / "1").version == 1
    assert len(Index.load(served / "1" / "index", "cfn_a", "1")) == 48


def test_a_rollback_gives_the_baseline_and_old_artifacts_go(folder: Path) -> None:
    settings = killed_runs.settings_in(folder)
    first = list_runs(settings.metadata)[-1].model
    deliver(open_source(str(pictures(folder / "second", seed=1))), settings.spans)
    assert last_pushed(settings) == first
    assert killed_runs.run(folder, evaluator="KzooEvaluator") == 0
    assert list_runs(settings.metadata)[-1].metric == "mean_average_precision"
    second = list_runs(settings.metadata)[-1].model
    served = settings.destination / "cfn_a"
    assert version_numbers(served) == [1, 2]
    assert len(list((settings.root / "windows").iterdir())) == 1

    deliver(open_source(str(pictures(folder / "third", seed=2))), settings.spans)
    assert last_pushed(settings) == second
    assert rollback(served, 1) == 3
    assert last_pushed(settings) == first

    narrow = replace(settings, keep=1)
    assert retire(served, 1) == [1, 2]
    examples = settings.artifacts / "ImportExampleGen" / "examples"
    before = len(list(examples.iterdir()))
    prune(narrow)
    assert len(list(examples.iterdir())) == before
    shutil.rmtree(served / "3")
    gone = prune(narrow)
    assert gone
    assert not any(Path(one).exists() for one in gone)
    assert len(list(examples.iterdir())) < before
    assert [Path(model).is_dir() for model in (first, second)] == [True, True]


def test_examples_of_another_schema_stop_the_run_in_words(folder: Path, tmp_path: Path) -> None:
    def change(examples: Examples, classes: object) -> None:
        examples[0].features.feature["label"].int64_list.value[:] = [7]
        examples[1].features.feature["class"].bytes_list.value[:] = [b"grey"]
        del examples[2].features.feature["image_bytes"]

    spans = killed_runs.settings_in(tmp_path).spans
    shutil.copytree(killed_runs.settings_in(folder).spans / "span-1", spans / "span-1")
    deliver_changed(spans, 2, change)
    said = killed_runs.output(tmp_path)
    assert "AnomalyGate of kzoo-cfn-a failed: the spans do not fit their schema: " in said
    for expected in (
        "split train: class: Examples contain values missing from the schema: grey",
        "split train: image_bytes: The feature was present in fewer examples than expected",
        "split train: label: Unexpectedly large value: 7",
    ):
        assert expected in said


def test_a_locked_a_broken_and_a_lost_metadata_store(folder: Path) -> None:
    settings = killed_runs.settings_in(folder)
    holder = sqlite3.connect(settings.metadata)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(KzooError, match=r"metadata\.sqlite cannot be written: database is locked"):
        run_local(settings)
    holder.close()
    content = settings.metadata.read_bytes()
    settings.metadata.write_bytes(b"no database" * 1000)
    with pytest.raises(DataError, match=r"metadata\.sqlite is no metadata store"):
        run_local(settings)
    settings.metadata.unlink()
    with pytest.raises(DataError, match=r"metadata\.sqlite is gone, while .*artifacts has what runs made"):
        run_local(settings)
    settings.metadata.write_bytes(content)
    assert list_runs(settings.metadata)
