"""What is told of a run, and by what: looking at runs and going back needs no TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tfx_pipeline.history import PipelineRun

TRAINED = {"ImportExampleGen": "COMPLETE", "Trainer": "COMPLETE"}


@pytest.mark.parametrize(
    ("run", "outcome"),
    [
        (PipelineRun("a", TRAINED, blessed=True, infra_blessed=True, version=2), "version 2"),
        (PipelineRun("a", TRAINED, blessed=False, infra_blessed=True), "not blessed"),
        (PipelineRun("a", TRAINED, blessed=True, infra_blessed=False), "not served: the server could"),
        (PipelineRun("a", {"Trainer": "FAILED"}), "Trainer failed"),
        (PipelineRun("a", TRAINED), "ended after Trainer"),
        (PipelineRun("a", {}), "not begun"),
    ],
)
def test_what_came_of_a_run(run: PipelineRun, outcome: str) -> None:
    assert run.outcome.startswith(outcome)


def test_a_run_in_words() -> None:
    run = PipelineRun(
        "2026-11-29T23:52:57.591645",
        TRAINED,
        spans=("span-1", "span-2"),
        fingerprint="52248278ef4abe549aa9d5",
        recipe="house_emoji",
        blessed=True,
        infra_blessed=True,
        version=2,
        commit="5c2d1922ac663449-dirty",
        metric="accuracy",
        metrics={"accuracy": 0.61234567},
    )
    assert run.in_words().splitlines() == [
        "2026-11-29T23:52:57  version 2",
        "    spans span-1, span-2, data 52248278ef4a, recipe house_emoji, code 5c2d192-dirty",
        "    trained, accuracy 0.6123",
    ]
    assert PipelineRun("early", {}).in_words().splitlines() == ["early  not begun", "    not trained"]


def test_no_tensorflow_is_imported() -> None:
    code = "import sys, tfx_pipeline.history, tfx_pipeline.versions; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
