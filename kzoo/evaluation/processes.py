"""Several worker processes at once, none of which outlives this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.2
STOP_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Job:
    """One worker process: a name for messages, its task, and the file that takes what it prints."""

    name: str
    task: Mapping[str, Any]
    log: Path


@dataclass(frozen=True)
class Failure:
    """A job that did not end well, and the last that it printed."""

    name: str
    reason: str


def run_jobs(
    jobs: Sequence[Job],
    at_once: int,
    watch: Callable[[list[str]], None] = lambda running: None,
) -> list[Failure]:
    """Run every job, `at_once` at a time, and return those that failed; the others go on.

    TensorFlow's threads are shared out evenly: two processes of one thread use two cores better than one
    process of two. When this call ends by an exception, as by ctrl-C, the running jobs are ended.

    Args:
        jobs: started in this order.
        at_once: 1 or more.
        watch: called several times a second with the names of the running jobs.
    """
    waiting, running, failures = (
        list(jobs),
        dict[str, tuple[Job, subprocess.Popen[bytes]]](),
        [],
    )
    environment = _environment(at_once)
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running[job.name] = job, _start(job, environment)
            watch(list(running))
            time.sleep(POLL_SECONDS)
            for name, (job, process) in list(running.items()):
                code = process.poll()
                if code is None:
                    continue
                _close(process)
                del running[name]
                if code != 0:
                    failures.append(Failure(name, _reason(job, code)))
    finally:
        for _, process in running.values():
            _stop(process)
    return failures


def _environment(at_once: int) -> dict[str, str]:
    threads = str(max(1, len(os.sched_getaffinity(0)) // at_once))
    return {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        **os.environ,
    }


def _start(job: Job, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "kzoo.evaluation.worker", json.dumps(job.task)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    _close(process)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _reason(job: Job, code: int) -> str:
    lines = [
        line for line in job.log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
    ]
    ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    last = f": {lines[-1].strip()}" if lines else ""
    return f"{ended}{last} (all it printed: {job.log})"
