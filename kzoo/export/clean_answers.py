"""The process without kzoo and Keras that is asked: started with the first export, it stays for the next."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from kzoo.errors import ExportError

TIME_LIMIT_SECONDS = 900

_LOCK = threading.Lock()
_STARTED: dict[int, CleanProcess] = {}  # by the process that started it, which may have been forked since


class CleanProcess:
    """A process that runs `clean_process.py` and waits for exports to be asked."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by `end`
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("clean_process.py"))],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )

    @property
    def runs(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, export: Path, records: Path, answers: Path) -> None:
        """Let it write into folder `answers` what the SavedModel `export` answers to `records`.

        Raises:
            ExportError: if the SavedModel cannot be loaded or asked, or not in time.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps([str(path.absolute()) for path in (export, records, answers)])
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()
            if not select.select([self._process.stdout], [], [], TIME_LIMIT_SECONDS)[0]:
                raise ExportError(f"the export gave no answers within {TIME_LIMIT_SECONDS} s")
        except BaseException:
            self.end()  # an answer that still came would be taken for that to the next question
            raise
        code = self._process.stdout.readline()
        if code != b"0\n":
            raise ExportError(
                f"the export cannot be used without kzoo and Keras:\n{self._said(code, answers)[-3000:]}"
            )

    def end(self) -> None:
        """End it and what it has forked, unless it is that of a process which this one was forked from."""
        if self._owner == os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._errors.close()

    def _said(self, code: bytes, answers: Path) -> str:
        """Return what the process that answered said last, or this one where it has ended itself."""
        if code:
            log = answers / "log.txt"
            return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")


def start_clean_process() -> None:
    """Start the process that `ask_clean_process` asks, if it does not run; it needs seconds to get ready."""
    with _LOCK:
        _running()


def ask_clean_process(export: Path, records: Path, answers: Path) -> None:
    """Ask an export in a process that has neither kzoo nor Keras, forked from one that stays for the next.

    Args:
        export: folder of a SavedModel.
        records: file of PredictionLog messages.
        answers: empty folder, which gets answers.tfrecord and signatures.json.

    Raises:
        ExportError: if the SavedModel cannot be loaded or asked, or not in time.
    """
    with _LOCK:
        _running().ask(export, records, answers)


def _running() -> CleanProcess:
    clean = _STARTED.get(os.getpid())
    if clean is None or not clean.runs:
        clean = _STARTED[os.getpid()] = CleanProcess()
        atexit.register(clean.end)
    return clean
