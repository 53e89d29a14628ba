"""What happens after a step and after an epoch: tables, best weights, checkpoints, progress, the NaN stop."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kzoo.errors import RunError, TrainingDivergedError
from kzoo.files import write_atomic
from kzoo.recipe import Recipe
from kzoo.training.adversarial import AdversarialModel
from kzoo.training.checkpoints import Checkpoints, save_variables


class Table:
    """A CSV file of one row an epoch that is whole at any time and can be cut back to an earlier epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                self.rows = list(csv.DictReader(file))

    def cut_after(self, epoch: int) -> None:
        """Drop the rows of epochs after `epoch`, which a resumed run trains again.

        Raises:
            RunError: if a row has no epoch.
        """
        try:
            self.rows = [row for row in self.rows if int(row["epoch"]) <= epoch]
        except (KeyError, ValueError, TypeError) as error:
            raise RunError(f"{self.path} is no table of epochs: {error!r}") from error

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row and write the file."""
        self.rows.append(dict(row))
        text = io.StringIO(newline="")
        columns = list(dict.fromkeys(name for one in self.rows for name in one))
        writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomic(self.path, text.getvalue())


class StopAtNaN(keras.callbacks.Callback):
    """Raises when the loss, or a weight at the end of an epoch, is no finite number.

    Must be the first callback, so that nothing is written of an epoch that ends so.

    Args:
        steps_per_epoch: to count steps over epochs.
        batch_ids: step to the ids of the examples in its batch.
    """

    def __init__(self, steps_per_epoch: int, batch_ids: Callable[[int], Sequence[str]]) -> None:
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self.batch_ids = batch_ids
        self.epoch = 0
        self.batch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Raise TrainingDivergedError if the mean loss of the epoch so far is no finite number.

        The mean is finite up to the step before, so the step is the one whose own loss is not.
        """
        self.batch = batch
        loss = (logs or {})["loss"]
        if not math.isfinite(loss):
            raise self._error(f"the loss became {loss}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Raise TrainingDivergedError if the epoch's last update left a variable that is not finite."""
        for variable in state_of(self.model):
            value = np.asarray(keras.ops.convert_to_numpy(variable))
            if not np.isfinite(value).all():
                raise self._error(f"the update left NaN or infinity in {variable.path}")

    def _error(self, what: str) -> TrainingDivergedError:
        step = self.epoch * self.steps_per_epoch + self.batch
        ids = list(self.batch_ids(step))
        shown = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
        return TrainingDivergedError(
            f"{what} at step {step} (epoch {self.epoch + 1}, batch {self.batch + 1}: {shown}); "
            "a smaller optimizer.learning_rate or optimizer.clip_norm may help"
        )


class StopAtStep(keras.callbacks.Callback):
    """Ends the last epoch where the run's length is no whole number of epochs."""

    def __init__(self, total_steps: int, steps_per_epoch: int) -> None:
        super().__init__()
        self.total_steps = total_steps
        self.steps_per_epoch = steps_per_epoch
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop after the last step."""
        if self.epoch * self.steps_per_epoch + batch + 1 == self.total_steps:
            self.model.stop_training = True


class EpochTables(keras.callbacks.Callback):
    """Writes history.csv, and fusion_weights.csv for a model that has a fusion with weights.

    Args:
        folder: of the run.
        first_epoch: epochs of the run that are done.
        epochs_before: of the stages before this one, that Keras does not count.
    """

    def __init__(self, folder: Path, first_epoch: int, epochs_before: int = 0) -> None:
        super().__init__()
        self.history = Table(folder / "history.csv")
        self.fusion = Table(folder / "fusion_weights.csv")
        self.first_epoch = first_epoch
        self.epochs_before = epochs_before
        self.history.cut_after(first_epoch)
        self.fusion.cut_after(first_epoch or -1)

    def on_train_begin(self, logs: Any = None) -> None:
        """Write the fusion weights of epoch 0, those before the first step."""
        if self.first_epoch == 0:
            self._add_fusion(0)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Add a row to each table."""
        row: dict[str, Any] = {"epoch": self.epochs_before + epoch + 1}
        row |= {name: f"{value:.6g}" for name, value in (logs or {}).items()}
        row["learning_rate"] = f"{float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)):.6g}"
        self.history.add(row)
        self._add_fusion(self.epochs_before + epoch + 1)

    def _add_fusion(self, epoch: int) -> None:
        layer = next((layer for layer in self.model.layers if hasattr(layer, "branch_weights")), None)
        if layer is None:
            return
        weights = np.asarray(layer.branch_weights(), dtype=np.float64)
        row: dict[str, Any] = {"epoch": epoch}
        for number, (mean, deviation) in enumerate(
            zip(weights.mean(axis=0), weights.std(axis=0), strict=True), start=1
        ):
            row |= {f"branch_{number}_mean": f"{mean:.6g}", f"branch_{number}_deviation": f"{deviation:.6g}"}
        self.fusion.add(row)


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the highest `metric` in best.npz and best.json.

    A best.json is always that of the weights beside it: it goes before they change, and comes after.
    """

    def __init__(self, folder: Path, metric: str, first_epoch: int) -> None:
        super().__init__()
        self.weights = folder / "best.npz"
        self.record = folder / "best.json"
        self.metric = metric
        self.best = -math.inf
        if self.record.is_file() and self.weights.is_file():
            epoch, value = _read_record(self.record)
            self.best = value if epoch <= first_epoch else -math.inf

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Keep the weights if they are better than any before."""
        value = (logs or {})[self.metric]
        if value > self.best:
            self.best = value
            self.record.unlink(missing_ok=True)
            save_variables(self.weights, self.model.weights)
            record = {"epoch": epoch + 1, "metric": self.metric, "value": value}
            write_atomic(self.record, json.dumps(record) + "\n")


class ReduceOnPlateau(keras.callbacks.Callback):
    """Multiplies the rate by the schedule's factor when `metric` has not risen for `patience` epochs.

    What it knows of earlier epochs it reads from the history, so that a resumed run falls at the same epochs.
    """

    def __init__(self, recipe: Recipe, metric: str, history: Table, epochs_before: int) -> None:
        super().__init__()
        self.factor, self.patience = recipe.schedule.factor, recipe.schedule.patience
        self.metric = metric
        self.best = -math.inf
        self.waited = 0
        for row in history.rows:
            if int(row["epoch"]) > epochs_before:
                self._falls(float(row[metric]))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Let the rate fall if it is time."""
        if self._falls(round_as_written((logs or {})[self.metric])):
            optimizer = self.model.optimizer
            optimizer.learning_rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate)) * self.factor

    def _falls(self, value: float) -> bool:
        if value > self.best:
            self.best, self.waited = value, 0
            return False
        self.waited += 1
        if self.waited < self.patience:
            return False
        self.waited = 0
        return True


def round_as_written(value: float) -> float:
    """Return a metric as history.csv holds it."""
    return float(f"{value:.6g}")


def _read_record(path: Path) -> tuple[int, float]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return int(kept["epoch"]), float(kept["value"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error!r}; remove the run folder and train again") from error


class WriteCheckpoint(keras.callbacks.Callback):
    """Writes a checkpoint after each epoch; the last callback, so that the tables are ahead of it."""

    def __init__(self, checkpoints: Checkpoints, total_steps: int, steps_per_epoch: int) -> None:
        super().__init__()
        self.checkpoints = checkpoints
        self.total_steps = total_steps
        self.steps_per_epoch = steps_per_epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the checkpoint of the epoch's last step."""
        step = min((epoch + 1) * self.steps_per_epoch, self.total_steps)
        self.checkpoints.save(step, state_of(self.model))


class ProgressBar(keras.callbacks.Callback):
    """One bar over all steps on standard error, with the losses and metrics of the last epoch."""

    def __init__(self, title: str, total_steps: int, first_step: int, quiet: bool) -> None:
        super().__init__()
        console = Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self.task = self.progress.add_task(title, total=total_steps, completed=first_step, metrics="")

    def on_train_begin(self, logs: Any = None) -> None:
        """Show the bar."""
        self.progress.start()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Go on by a step."""
        self.progress.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Show the epoch's metrics."""
        text = " ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        self.progress.update(self.task, metrics=text)

    def close(self) -> None:
        """Leave the terminal as it was, however the run ends."""
        self.progress.stop()


def state_of(model: keras.Model) -> list[Any]:
    """Return all variables that a run resumes from: weights, random seeds, optimisers, pools of images."""
    further = model.further_state if isinstance(model, AdversarialModel) else []
    return [*model.variables, *model.optimizer.variables, *further]
