"""Which processes are at work on a run."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil


def processes_writing(path: Path) -> list[psutil.Process]:
    """Return the processes that hold a file open, as that which takes what they print."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(file.path == str(path) for file in process.open_files()):
                found.append(process)
    return found
