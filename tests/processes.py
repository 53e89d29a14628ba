"""Programs in processes of their own, forked from one that has imported TensorFlow already.

The import takes longer than most of what the tests ask of a program. What is started here is a real process
with its own folder, environment, output, signals and exit code, running what `python -m MODULE`,
`python -c CODE` or `python FILE.py` would; it only begins with modules loaded.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["preloaded"])


class Process:
    """A program that runs; an example is `Process("-m", "kzoo.cli", "list")`.

    Attributes:
        stdout: what it prints, to be read.
        pid: its number.
    """

    def __init__(
        self,
        *program: object,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        stderr: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            program: what would stand behind `python`.
            cwd: its folder, that of the tests if left out.
            environment: beside that of the tests.
            stderr: file for its standard error; one of its own if left out.
        """
        _ensure_forkserver()
        self._errors = Path(tempfile.mkstemp(prefix="kzoo-stderr-")[1]) if stderr is None else stderr
        self._temporary = stderr is None
        read, write = CONTEXT.Pipe(duplex=False)
        words = [str(word) for word in program]
        place = str(cwd or Path.cwd()), {**os.environ, **(environment or {})}
        self._process = CONTEXT.Process(target=_run, args=(words, *place, write, str(self._errors)))
        self._process.start()
        write.close()
        self.stdout = os.fdopen(os.dup(read.fileno()), encoding="utf-8")
        read.close()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """The exit code, minus the number of a signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return `returncode`."""
        return self._process.exitcode

    def wait(self, timeout: float = 600) -> int:
        """Wait for the end and return the exit code."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"process {self.pid} has not ended within {timeout} s")
        return self._process.exitcode

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """Wait for the end and return what it wrote to standard output and to standard error."""
        overdue = threading.Timer(timeout, self.kill)
        overdue.start()
        with self.stdout:
            output = self.stdout.read()
        self.wait(timeout)
        overdue.cancel()
        errors = self._errors.read_text(encoding="utf-8")
        if self._temporary:
            self._errors.unlink()
        return output, errors

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def run(
    *program: object,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 600,
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as `subprocess.run` would with both outputs captured as text."""
    process = Process(*program, cwd=cwd, environment=environment)
    output, errors = process.communicate(timeout)
    done = subprocess.CompletedProcess([*map(str, program)], process.wait(), output, errors)
    if check:
        done.check_returncode()
    return done


def _ensure_forkserver() -> None:
    """Start it with this folder on its path: Python 3.11 does not hand `sys.path` on to what is preloaded."""
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), path]))
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if path is not None:
            os.environ["PYTHONPATH"] = path


def _run(
    program: Sequence[str], folder: str, environment: dict[str, str], output: Connection, errors: str
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    os.dup2(output.fileno(), 1)
    output.close()
    file = os.open(errors, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(file, 2)
    os.close(file)
    logging.root.handlers.clear()  # those that what was imported has set up
    logging.root.setLevel(logging.WARNING)
    kind, *rest = program
    if kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = [kind, *rest]
        runpy.run_path(kind, run_name="__main__")
