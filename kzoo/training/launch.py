"""Several worker processes on this machine that run one command of kzoo together.

Here nothing imports TensorFlow: the workers do.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from kzoo.errors import RunError, UsageError

Say = Callable[[str], None]
POLL_SECONDS = 0.2
GRACE_SECONDS = 15.0


@dataclass(frozen=True)
class Worker:
    """One process of the cluster; 0 is the chief."""

    index: int
    process: subprocess.Popen[str]

    @property
    def ended_by(self) -> str:
        """How it ended, in words."""
        code = self.process.returncode
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def launch(arguments: Sequence[str], *, workers: int, restarts: int = 0, say: Say) -> None:
    """Run `kzoo ARGUMENTS` in several processes of one cluster on this machine, to their end.

    The chief writes to this process's output; what others write goes to `say`, a line at a time. If a worker
    dies, all are stopped, and, if restarts are left, started again: a run goes on from its last checkpoint.

    Args:
        arguments: of kzoo, a verb that takes `--strategy multiworker`, which is among them.
        workers: 2 or more.
        restarts: how often all workers may be started again.
        say: what to do with a line.

    Raises:
        UsageError: for fewer than 2 workers, or if TF_CONFIG is set.
        RunError: if a worker died and no restart is left; the others are stopped by then.
    """
    if workers < 2:
        raise UsageError(f"a cluster has 2 workers or more; received {workers}")
    if "TF_CONFIG" in os.environ:
        raise UsageError("TF_CONFIG is set, and launch makes its own; unset it, or run the command itself")
    left = restarts
    while (dead := _run_once(arguments, workers, say)) is not None:
        if not left:
            raise RunError(
                f"worker {dead.index} {dead.ended_by}, so all were stopped; the same command resumes from "
                "the last checkpoint"
            )
        left -= 1
        say(f"worker {dead.index} {dead.ended_by}; all are started again, {left} restarts left")


def _run_once(arguments: Sequence[str], workers: int, say: Say) -> Worker | None:
    """Run all workers to their end, and return the first that failed."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    cluster = {"worker": [f"127.0.0.1:{port}" for port in _free_ports(workers)]}
    started: list[Worker] = []
    try:
        for index in range(workers):
            started.append(_start(arguments, cluster, index, lines))
            say(f"worker {index} is process {started[-1].process.pid}")
        failed = _watched(started, lines, say)
        if failed is not None:
            _wait(started, GRACE_SECONDS)
        return failed
    finally:
        _stop(started)
        _say_all(lines, say)


def _start(
    arguments: Sequence[str],
    cluster: dict[str, list[str]],
    index: int,
    lines: queue.SimpleQueue[str],
) -> Worker:
    config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
    shown = index == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "kzoo.cli", *arguments],
        env={**os.environ, "TF_CONFIG": json.dumps(config)},
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.STDOUT,
    )
    if process.stdout is not None:
        threading.Thread(target=_read, args=(index, process.stdout, lines), daemon=True).start()
    return Worker(index, process)


def _read(index: int, stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for line in stream:
        lines.put(f"[worker {index}] {line.rstrip()}")


def _watched(started: Sequence[Worker], lines: queue.SimpleQueue[str], say: Say) -> Worker | None:
    while True:
        codes = [worker.process.poll() for worker in started]
        failed = next((worker for worker, code in zip(started, codes, strict=True) if code), None)
        if failed is not None or None not in codes:
            return failed
        try:
            say(lines.get(timeout=POLL_SECONDS))
        except queue.Empty:
            continue


def _wait(started: Sequence[Worker], seconds: float) -> None:
    """Let workers end by themselves: one that lost another says so, and what it was doing."""
    for worker in started:
        try:
            worker.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return


def _stop(started: Sequence[Worker]) -> None:
    for stop in (subprocess.Popen.terminate, subprocess.Popen.kill):
        running = [worker for worker in started if worker.process.poll() is None]
        for worker in running:
            stop(worker.process)
        _wait(running, GRACE_SECONDS)


def _say_all(lines: queue.SimpleQueue[str], say: Say) -> None:
    while not lines.empty():
        say(lines.get())


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
