"""A Beam pipeline that writes files: run on whatever runner its arguments name, watched file by file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam
from apache_beam.options.pipeline_options import PipelineOptions

from kzoo.data.progress import progress_bar
from kzoo.errors import DataError

beam: Any = apache_beam
"""Beam comes without types."""

IN_THIS_PROCESS = ("--runner=FnApiRunner", "--direct_num_workers=1")
_LOOK_SECONDS = 0.5


def run_until_written(
    fill: Callable[[Any], None],
    files: Sequence[Path],
    beam_args: Sequence[str],
    *,
    title: str,
    quiet: bool,
) -> None:
    """Run a pipeline that writes `files`, each whole or not at all, with a bar over those that are there.

    Args:
        fill: gives a new pipeline its steps.
        files: that it writes, one or more, in one folder.
        beam_args: of Beam, as "--runner=FlinkRunner", which come after those of IN_THIS_PROCESS.
        title: of the bar, and what the errors say failed.
        quiet: no bar.

    Raises:
        DataError: if the pipeline fails, or ends and a file is missing; files that were written stay.
    """
    running = _Running(fill, PipelineOptions([*IN_THIS_PROCESS, *beam_args]))
    running.start()
    written = running.written(files)
    for _ in written if quiet else progress_bar(written, title, total=len(files)):
        pass
    running.join()
    if running.error is not None:
        reason = str(running.error).strip().splitlines()[-1]
        raise DataError(f"{title} into {files[0].parent} failed: {reason}") from running.error
    if left := [path.name for path in files if not path.is_file()]:
        raise DataError(f"the pipeline ended without writing {', '.join(left)}")


class _Running(threading.Thread):
    """The pipeline on a thread of its own, for its runner does not say how far it is."""

    def __init__(self, fill: Callable[[Any], None], options: PipelineOptions) -> None:
        super().__init__(name="beam", daemon=True)
        self.fill = fill
        self.options = options
        self.error: Exception | None = None

    def run(self) -> None:
        """Run the pipeline to its end."""
        try:
            with beam.Pipeline(options=self.options) as pipeline:
                self.fill(pipeline)
        except Exception as error:  # noqa: BLE001, handed to the thread that waits, whatever the runner raises
            self.error = error

    def written(self, files: Sequence[Path]) -> Iterator[Path]:
        """Yield each file when it is there, until all are or the pipeline has ended."""
        waiting = list(files)
        while waiting:
            ended = not self.is_alive()
            there = [path for path in waiting if path.is_file()]
            yield from there
            waiting = [path for path in waiting if path not in there]
            if ended:
                return
            time.sleep(_LOOK_SECONDS)
