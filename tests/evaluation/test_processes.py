from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from open_files import processes_writing

from kzoo.errors import RunError
from kzoo.evaluation import processes
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
    assert not processes_writing(tmp_path / "job.log")


def test_a_process_that_is_killed_fails_its_job_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One that waits would end its job before it could be killed; a new one has TensorFlow to import first.
    monkeypatch.setattr(processes, "_IDLE", defaultdict(list))

    def kill(running: list[str]) -> None:
        if running == ["first"]:
            for process in processes_writing(tmp_path / "first.log"):
                process.kill()

    jobs = [
        Job(name=name, task={"action": "juggle"}, log=tmp_path / f"{name}.log")
        for name in ("first", "second")
    ]
    first, second = run_jobs(jobs, 1, kill)
    assert "was ended by signal 9" in first.reason
    assert "exit code 1: KeyError: 'juggle'" in second.reason


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    first, second = held_alone(tmp_path / "runs"), held_alone(tmp_path / "runs")
    with first, pytest.raises(RunError, match="another process is training into"):
        second.__enter__()
    with held_alone(tmp_path / "runs"):
        assert (tmp_path / "runs").is_dir()
