"""The bar of `reproduce` over all its trainings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from kzoo.evaluation.plan import PlannedRun

SPEED_OVER_SECONDS = 1800


class RunsBar:
    """One bar over the epochs of all missing runs, on standard error."""

    def __init__(
        self,
        console: Console,
        missing: Sequence[PlannedRun],
        total: int,
        quiet: bool,
    ) -> None:
        self.missing = missing
        self.total = total
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            refresh_per_second=2,
            speed_estimate_period=SPEED_OVER_SECONDS,
        )
        self.task = self.progress.add_task("", total=sum(one.epochs() for one in missing))

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def update(self, running: list[str]) -> None:
        """Show how many runs are done and which are running."""
        finished = sum((one.folder / "final.keras").is_file() for one in self.missing)
        done = self.total - len(self.missing) + finished
        epochs = sum(min(one.epochs_done(), one.epochs()) for one in self.missing)
        text = f"{done} of {self.total} runs; {', '.join(running)}"
        self.progress.update(self.task, description=text, completed=epochs)
