"""The whole pipeline on real data: spans come in, versions go out while a server answers, or they do not."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import killed_runs
import pytest
from changed_spans import deliver_changed
from retraining import CASES, CLASSIFICATION, DATA_ERROR, NOT_BLESSED, Case, Place, stream, wait_for

from kzoo.errors import UsageError
from tfx_pipeline.records import Records
from tfx_pipeline.runs import locked
from tfx_pipeline.trial import requests
from tfx_pipeline.versions import rollback

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Place]:
    @functools.cache
    def make(case: Case) -> Place:
        place = Place(case, tmp_path_factory.mktemp(case.system))
        place.deliver(1)
        assert place.run().version == 1
        return place

    return make


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.system)
def test_from_span_to_live_version_without_a_failed_request(
    place_of: Callable[[Case], Place], case: Case, tmp_path: Path
) -> None:
    place = place_of(case)
    with stream(place, tmp_path) as asked:
        place.deliver(2)
        second = place.run()
        assert second.spans == ("span-1", "span-2")[-case.window :]
        assert (second.blessed, second.version) == (True, 2)
        assert second.metric == case.metric
        wait_for(lambda: 2 in asked.versions)

        deliver_changed(place.root / "spans", 3, case.shuffle)
        third = place.run("--window", "1", expected=NOT_BLESSED)
        assert third.trained
        assert (third.spans, third.blessed, third.infra_blessed) == (("span-3",), False, True)
        assert third.version is None
        before = len(asked.versions)
        wait_for(lambda: len(asked.versions) > before + 5)
    assert place.versions() == ["1", "2"]
    assert asked.failures == []
    assert sorted(set(asked.versions)) == [1, 2]
    assert asked.versions == sorted(asked.versions)


def test_unchanged_input_trains_nothing_and_other_classes_are_refused(
    place_of: Callable[[Case], Place], tmp_path: Path
) -> None:
    place = place_of(CLASSIFICATION)
    again = place.run("--window", "1", expected=NOT_BLESSED)
    assert not again.trained
    assert set(again.components.values()) == {"CACHED"}
    place.deliver(4, str(killed_runs.pictures(tmp_path / "other", seed=0)))
    refused = place.kzoo("run", "cfn_a", "--window", "2", expected=DATA_ERROR)
    assert "span-3 has labelled images of Smileys & Emotion, People & Body" in refused.stderr
    assert "span-4 has labelled images of dark, light: another schema" in refused.stderr


def test_the_specification_for_kubeflow_names_every_component(
    place_of: Callable[[Case], Place], tmp_path: Path
) -> None:
    path = tmp_path / "pipeline.json"
    place_of(CLASSIFICATION).kzoo("compile", "cfn_a", path, "--window", "1")
    tasks = json.loads(path.read_text())["pipelineSpec"]["root"]["dag"]["tasks"]
    assert {"ImportExampleGen", "Trainer", "Evaluator", "EmbeddedInfraValidator", "VersionPusher"} <= set(
        tasks
    )


def test_where_a_version_comes_from_and_back_to_it(place_of: Callable[[Case], Place], tmp_path: Path) -> None:
    place = place_of(CLASSIFICATION)
    served = place.models / "cfn_a"
    lineage = json.loads((served / "2" / "lineage.json").read_text())
    listed = json.loads(place.kzoo("runs", "cfn_a", "--json").stdout)
    assert [one["version"] for one in listed] == [1, 2, None, None]
    assert lineage["spans"] == ["span-1", "span-2"]
    assert lineage["fingerprint"] == listed[1]["fingerprint"]
    assert set() < warm_up_images(served / "2") <= eval_images(place.root / "spans")

    with stream(place, tmp_path) as asked:
        wait_for(lambda: 2 in asked.versions)
        assert rollback(served, 1) == 3
        wait_for(lambda: 3 in asked.versions)
    assert asked.failures == []


def test_two_runs_never_overlap(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UsageError, match="has not ended"), locked(tmp_path):
        pass


def warm_up_images(version: Path) -> set[bytes]:
    asked = [request.inputs.get("image_bytes", ()) for request in requests(version, {})]
    return {image for images in asked for image in images}


def eval_images(spans: Path) -> set[bytes]:
    records = Records({"eval": [str(path) for path in spans.glob("span-[12]/eval.tfrecord.gz")]})
    return set(records.images("eval", 1000))
