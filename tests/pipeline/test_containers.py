"""A model in TensorFlow Serving's container: what Docker is asked for, and what is said where it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import killed_runs
import pytest

from kzoo.data.sources import open_source
from kzoo.errors import UsageError
from tfx_pipeline.containers import container_options, require_docker, served_in_container
from tfx_pipeline.runs import run_local
from tfx_pipeline.spans import deliver

IMAGE = "tensorflow/serving:2.21.0"


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")


def test_the_container_reads_one_version_and_listens_here_alone(tmp_path: Path) -> None:
    told = container_options(tmp_path, "cfn_a", IMAGE)
    (place,) = told["mounts"]
    assert (place["Source"], place["Target"]) == (str(tmp_path), "/models/cfn_a/1")
    assert place["ReadOnly"]
    assert told["ports"] == {"8500/tcp": ("127.0.0.1", None)}
    assert (told["image"], told["environment"]) == (IMAGE, {"MODEL_NAME": "cfn_a"})


@pytest.mark.usefixtures("no_docker")
def test_without_docker_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"cannot be tried in {IMAGE}: Docker does not answer"):
        require_docker(IMAGE)
    with pytest.raises(UsageError, match="Docker does not answer"), served_in_container(tmp_path, "x", IMAGE):
        pass


@pytest.mark.usefixtures("no_docker")
def test_a_run_that_needs_docker_begins_nothing_without_it(tmp_path: Path) -> None:
    settings = replace(killed_runs.settings_in(tmp_path), container=IMAGE)
    deliver(open_source(str(killed_runs.pictures(tmp_path / "pictures", seed=0))), settings.spans)
    with pytest.raises(UsageError, match="Docker does not answer"):
        run_local(settings)
    assert not settings.metadata.exists()
