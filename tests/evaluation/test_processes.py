from __future__ import annotations

from pathlib import Path

import pytest

from kzoo.errors import RunError
from kzoo.evaluation.processes import Job, run_jobs
from kzoo.training.run_folder import held_alone


def test_a_failed_job_is_named_with_what_it_printed_last(tmp_path: Path) -> None:
    jobs = [
        Job(name=f"job {number}", task={"action": "juggle"}, log=tmp_path / f"{number}.log")
        for number in range(2)
    ]
    seen: set[str] = set()
    failures = run_jobs(jobs, at_once=1, watch=seen.update)
    assert [failure.name for failure in failures] == ["job 0", "job 1"]
    assert seen == {"job 0", "job 1"}
    assert "exit code 1: KeyError: 'juggle'" in failures[0].reason
    assert str(tmp_path / "0.log") in failures[0].reason


def test_an_exception_ends_the_running_jobs(tmp_path: Path) -> None:
    def interrupt(running: list[str]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_jobs([Job(name="job", task={"action": "train"}, log=tmp_path / "job.log")], 1, interrupt)
    named = str(tmp_path).encode()
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if named in _content(path)]


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    first, second = held_alone(tmp_path / "runs"), held_alone(tmp_path / "runs")
    with first, pytest.raises(RunError, match="another process is training into"):
        second.__enter__()
    with held_alone(tmp_path / "runs"):
        assert (tmp_path / "runs").is_dir()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
