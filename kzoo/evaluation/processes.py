"""Several worker processes at once, none of which outlives this one."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.2
STOP_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one process does: a name for messages, its task, and the file that takes what it prints."""

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
    """Run every job in a process of its own, `at_once` at a time; return those that failed; the others go on.

    They are forked from processes that have imported what they need, and that stay for the next call.

    TensorFlow's threads are shared out evenly: two processes of one thread use two cores better than one
    process of two. When this call ends by an exception, as by ctrl-C, the running jobs are ended.

    Args:
        jobs: started in this order.
        at_once: 1 or more.
        watch: called several times a second with the names of the running jobs.
    """
    waiting, failures = list(jobs), []
    environment = _environment(at_once)
    workers = [_idle_worker() for _ in range(min(at_once, len(jobs)))]
    try:
        while waiting or any(worker.job for worker in workers):
            for worker in workers:
                if worker.job is None and waiting:
                    worker.give(waiting.pop(0), environment)
            watch([worker.job.name for worker in workers if worker.job])
            time.sleep(POLL_SECONDS)
            for worker in workers:
                job, code = worker.job, worker.ended()
                if job is not None and code:
                    failures.append(Failure(job.name, _reason(job, code)))
    finally:
        for worker in workers:
            if worker.job:
                worker.stop()
        _IDLE[os.getpid()] += workers
    return failures


class _Worker:
    """A process of `kzoo.evaluation.worker`, from which one job after the other is forked.

    Attributes:
        job: the one that runs, if any.
    """

    def __init__(self) -> None:
        self.job: Job | None = None
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None

    def give(self, job: Job, environment: Mapping[str, str]) -> None:
        """Start a job in an environment."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        job.log.write_bytes(b"")
        if self._process is None:
            self._process = _start(environment, job.log)
        assert self._process.stdin is not None
        self.job = job
        with contextlib.suppress(BrokenPipeError):
            line = json.dumps([job.task, str(job.log), dict(environment)])
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def ended(self) -> int | None:
        """Return the exit code of the job if it has just ended, minus the number of a signal that did it."""
        if self.job is None or self._process is None:
            return None
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], 0)[0]:
            return None
        self.job = None
        if line := self._process.stdout.readline():
            return int(line)
        process, self._process = self._process, None  # it ended itself; another takes the next job
        _close(process)
        return process.wait() or 1

    def stop(self) -> None:
        """End the process and the job that runs, unless they are of a process which this was forked from."""
        self.job, process, self._process = None, self._process, None
        if process is None or self._owner != os.getpid():
            return
        _close(process)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


_IDLE: defaultdict[int, list[_Worker]] = defaultdict(list)
"""Workers without a job, by the process that started them, which may have been forked since."""


def _idle_worker() -> _Worker:
    """Return a worker that waits for a job; it is ended with this process at the latest."""
    if _IDLE[os.getpid()]:
        return _IDLE[os.getpid()].pop()
    worker = _Worker()
    atexit.register(worker.stop)
    return worker


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


def _start(environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a worker process; what it prints before its first job goes to that one's log."""
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "kzoo.evaluation.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            start_new_session=True,
        )


def _close(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes of a process; the end of its input ends it and its job."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _reason(job: Job, code: int) -> str:
    lines = [
        line for line in job.log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
    ]
    ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    last = f": {lines[-1].strip()}" if lines else ""
    return f"{ended}{last} (all it printed: {job.log})"
