"""What every benchmark shares: the record of where it ran, its table and its picture."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kzoo.files import write_atomic
from kzoo.training.run_folder import environment

RESULTS = Path(__file__).resolve().parents[2] / "results"
VERSIONS = ("tensorflow", "keras", "numpy", "python", "commit")

Rows = Sequence[Mapping[str, Any]]


def where() -> dict[str, str]:
    """Return the columns that every line of a result has: processor, cores, versions and commit."""
    found = environment()
    return {
        "processor": f"{processor()} ({found['machine']})",
        "cores": str(len(os.sched_getaffinity(0))),
        **{name: found.get(name, "") for name in VERSIONS},
    }


def processor() -> str:
    """Return the name that Linux gives the processor; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def write_results(
    name: str,
    rows: Rows,
    draw: Callable[[Any], None] | None = None,
    *,
    folder: Path = RESULTS,
    height: float = 4.0,
) -> None:
    """Print rows as a table and write them, with where they were measured, as FOLDER/NAME.csv and .png.

    Args:
        name: of the files.
        rows: one or more, with the same keys.
        draw: given a Matplotlib figure to fill; without it there is no picture.
        folder: made if it is not there.
        height: of the figure, in inches.
    """
    print_table(name, rows)
    place = where()
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0], *place], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, **place} for row in rows)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / f"{name}.csv", text.getvalue())
    if draw is not None:
        write_atomic(folder / f"{name}.png", picture(draw, height))


def picture(draw: Callable[[Any], None], height: float) -> bytes:
    """Return the PNG of a figure that `draw` fills; 8 inches wide."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, height), dpi=120, layout="constrained")
    draw(figure)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def print_table(title: str, rows: Rows) -> None:
    """Print rows with their keys as a header."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for key in rows[0]:
        table.add_column(key.replace("_", " "), justify="left" if key == next(iter(rows[0])) else "right")
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(file=sys.stdout).print(table)


@contextmanager
def progress(description: str) -> Iterator[Callable[[float], None]]:
    """Give a function to be told the share that is done; it moves a bar where stderr is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(description, total=1.0)
        yield lambda share: bar.update(task, completed=share)
