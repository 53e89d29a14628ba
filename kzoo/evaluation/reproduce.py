"""Train what is missing of one of the thesis's tables, evaluate it, and print it beside the thesis's.

Every run lies in RUNS/table-TABLE/DATA/SYSTEM/seed-N, or in RUNS/chapter-CHAPTER/... where tables share
runs; what is finished is kept, what was interrupted is
resumed. Only the test error of the final weights enters a table: the thesis reports the last iteration.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kzoo import registry
from kzoo.errors import KzooError, RunError, UsageError
from kzoo.evaluation.evaluate import evaluate_run, read_evaluation
from kzoo.evaluation.processes import Failure, Job, run_jobs
from kzoo.evaluation.report import write_report
from kzoo.evaluation.results import Report, RunResult, summarize
from kzoo.evaluation.runs_bar import RunsBar
from kzoo.evaluation.tables import TableDefinition, TableRow, find_table
from kzoo.recipe import Recipe
from kzoo.training.run_folder import Run, held_alone
from kzoo.training.tasks import Source, find_task


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One row of a table for one seed: what is trained, how, and where it lies."""

    row: str
    system: str
    seed: int
    recipe_name: str
    recipe: Recipe
    folder: Path

    @property
    def name(self) -> str:
        """For messages, as "cfn_a seed 3"."""
        return f"{self.row} seed {self.seed}"

    def steps(self, source: Source) -> int:
        """Return the training steps of the whole run."""
        return self.recipe.total_steps(source.splits[self.recipe.data.train_split].examples)

    def epochs(self, source: Source) -> int:
        """Return the epochs, and so the rows of history.csv, of the whole run."""
        examples = source.splits[self.recipe.data.train_split].examples
        stages = [recipe for _, recipe in self.recipe.in_stages()]
        return sum(-(-one.total_steps(examples) // one.steps_per_epoch(examples)) for one in stages)

    def epochs_done(self) -> int:
        """Return the epochs trained so far, by history.csv."""
        history = self.folder / "history.csv"
        return max(0, history.read_bytes().count(b"\n") - 1) if history.is_file() else 0


def reproduce(
    table: str,
    data: str,
    *,
    seeds: int = 5,
    runs_folder: Path = Path("runs"),
    results_folder: Path = Path("results"),
    rows: str | None = None,
    jobs: int = 1,
    overrides: Sequence[str] = (),
    quiet: bool = False,
    announce: bool = True,
) -> Report:
    """Train what is missing of a table, evaluate it, write results/table-TABLE-DATA*, and print the table.

    Args:
        table: "2.2" or "table-2.2".
        data: a data set, or a folder of images.
        seeds: runs a row, with the seeds 0 to seeds - 1.
        runs_folder, results_folder: where the runs and the results go.
        rows: shell pattern of the rows, as "*_a"; all of them for None.
        jobs: trainings at once, each in a process of its own.
        overrides: of every recipe, as "epochs=10".
        quiet: no progress bar.
        announce: time a few steps first, and say how long all will take.

    Raises:
        UnknownNameError, UsageError, DataError: for a table, rows, overrides or data that are not there.
        RunError: after the others have been trained and the results written, naming each run that failed
            or cannot be read; at once if another process trains into the same folder.
    """
    if seeds < 1 or jobs < 1:
        raise UsageError(f"seeds and jobs must be 1 or more; received seeds={seeds}, jobs={jobs}")
    definition = find_table(table)
    chosen = definition.select(rows)
    source = _open(data, chosen)
    folder = _folder(definition, data, runs_folder)
    planned = _plan_rows(definition, chosen, seeds, source, folder, overrides)
    with held_alone(folder):
        failures = _train_missing(planned, source, folder, jobs, quiet, announce)
        found, unreadable = _collect(planned, source, failures)
    failures = [*failures, *unreadable]
    report = summarize(
        definition,
        source,
        chosen,
        found,
        [f"{one.name} {one.reason}" for one in failures],
    )
    write_report(report, results_folder / f"table-{definition.table}-{slug(data)}")
    if failures:
        raise RunError(
            f"{len(failures)} of {len(planned)} runs failed; the same command tries them again:\n"
            + "\n".join(f"  {one.name} {one.reason}" for one in failures)
        )
    return report


def hours_left(
    table: str, data: str, *, seeds: int, runs_folder: Path, jobs: int, overrides: Sequence[str] = ()
) -> dict[Path, float]:
    """Return the hours left of each run of a table that is not trained, by folder; timed here.

    Raises:
        RunError: if the steps cannot be timed.
        UnknownNameError, UsageError, DataError: as `reproduce`.
    """
    definition = find_table(table)
    source = _open(data, definition.rows)
    folder = _folder(definition, data, runs_folder)
    missing = _missing(_plan_rows(definition, definition.rows, seeds, source, folder, overrides))
    return _hours_of(missing, source, folder, jobs)


def _folder(table: TableDefinition, data: str, runs_folder: Path) -> Path:
    return runs_folder / (table.group or f"table-{table.table}") / slug(data)


def _missing(planned: Sequence[PlannedRun]) -> list[PlannedRun]:
    by_folder = {one.folder: one for one in reversed(planned)}
    return [one for one in reversed(by_folder.values()) if not (one.folder / "final.keras").is_file()]


def _open(data: str, rows: Sequence[TableRow]) -> Source:
    found = [registry.find(row.system) for row in rows]
    _, recipe = found[0].recipe_for(data)
    return find_task(found[0].task).open(recipe.data, found)


def slug(data: str) -> str:
    """Return a data set's name, or the last part of a folder's path, as part of a file name."""
    name = data if data.startswith("house/") else Path(data).name
    return name.replace("/", "-").replace(":", "-")


def _plan_rows(
    table: TableDefinition,
    rows: Sequence[TableRow],
    seeds: int,
    source: Source,
    folder: Path,
    overrides: Sequence[str],
) -> list[PlannedRun]:
    return [_plan(table, row, seed, source, folder, overrides) for seed in range(seeds) for row in rows]


def _plan(
    table: TableDefinition,
    row: TableRow,
    seed: int,
    source: Source,
    folder: Path,
    overrides: Sequence[str],
) -> PlannedRun:
    system = registry.find(row.system)
    if source.name in table.recipes:
        recipe_name = table.recipes[source.name]
        recipe = system.recipe(recipe_name)
    else:
        recipe_name, recipe = system.recipe_for(source.name)
    if recipe.data.validation_split not in source.splits:
        recipe = recipe.override(["data.validation_split=null"])
    recipe = recipe.override([*row.overrides, *overrides, f"seed={seed}"])
    return PlannedRun(
        row=row.name,
        system=row.system,
        seed=seed,
        recipe_name=recipe_name,
        recipe=recipe,
        folder=folder / row.run_name / f"seed-{seed}",
    )


def _train_missing(
    planned: Sequence[PlannedRun],
    source: Source,
    folder: Path,
    jobs: int,
    quiet: bool,
    announce: bool,
) -> list[Failure]:
    console = Console(stderr=True)
    total = len({one.folder for one in planned})
    missing = _missing(planned)
    if not missing:
        console.print(f"All {total} runs are trained.")
        return []
    console.print(f"{len(missing)} of {total} runs are to be trained.")
    if announce:
        console.print("Timing a few steps of each row ...")
        console.print(_estimate(missing, source, folder, jobs), soft_wrap=True)
    with RunsBar(console, missing, total, source, quiet) as bar:
        return run_jobs([_job(one) for one in missing], jobs, bar.update)


def _job(one: PlannedRun) -> Job:
    task = {
        "action": "train",
        "system": one.system,
        "recipe_name": one.recipe_name,
        "recipe": one.recipe.model_dump(mode="json"),
        "folder": str(one.folder),
    }
    return Job(name=one.name, task=task, log=one.folder.with_suffix(".log"))


def _estimate(missing: Sequence[PlannedRun], source: Source, folder: Path, jobs: int) -> str:
    try:
        left = sum(_hours_of(missing, source, folder, jobs).values())
    except RunError as error:
        return f"No estimate: {error}. Runs: {folder}"
    hours = left / min(jobs, len(missing))
    return f"Training will take {duration(hours)}, {jobs} at once. Runs: {folder}"


def _hours_of(missing: Sequence[PlannedRun], source: Source, folder: Path, jobs: int) -> dict[Path, float]:
    """Time a step of each row in a process like those that train, and return the hours left of each run."""
    if not missing:
        return {}
    runs = {one.row: {"system": one.system, "recipe": one.recipe.model_dump(mode="json")} for one in missing}
    with tempfile.TemporaryDirectory() as scratch:
        times = Path(scratch) / "seconds.json"
        task = {"action": "time", "runs": runs, "file": str(times)}
        failures = run_jobs([Job(name="timing", task=task, log=folder / "timing.log")], at_once=jobs)
        if failures:
            raise RunError(f"the timing {failures[0].reason}")
        seconds = json.loads(times.read_text(encoding="utf-8"))
    return {
        one.folder: seconds[one.row]
        * one.steps(source)
        * max(0, 1 - one.epochs_done() / one.epochs(source))
        / 3600
        for one in missing
    }


def duration(hours: float) -> str:
    """Return hours in words, as "about 5 minutes"."""
    if hours >= 1:
        return f"about {hours:.1f} hours"
    minutes = max(1, round(60 * hours))
    return f"about {minutes} minute{'s' if minutes > 1 else ''}"


def _collect(
    planned: Sequence[PlannedRun], source: Source, failures: Sequence[Failure]
) -> tuple[list[RunResult], list[Failure]]:
    """Return the results of the runs that did not fail, evaluating what is trained but not evaluated."""
    names = {one.name: one for one in planned}
    failed = {names[one.name].folder for one in failures}
    found, unreadable = [], []
    for one in planned:
        if one.folder in failed:
            continue
        try:
            found.append(_result(one, source))
        except KzooError as error:
            unreadable.append(Failure(one.name, f"cannot be used: {error}"))
    return found, unreadable


def _result(one: PlannedRun, source: Source) -> RunResult:
    run = Run.open(one.folder)
    _require_same(one, run, source)
    split = one.recipe.data.test_split
    evaluation = read_evaluation(run, source.fingerprint, split) or evaluate_run(run, source, split)
    return RunResult(
        row=one.row,
        system=one.system,
        seed=one.seed,
        folder=one.folder,
        evaluation=evaluation,
        steps=one.steps(source),
        recipe_name=one.recipe_name,
        recipe_sha256=_recipe_sha256(one.recipe),
        environment=run.description.environment,
    )


def _require_same(one: PlannedRun, run: Run, source: Source) -> None:
    asked_for = dataclasses.replace(
        run.description,
        model=one.system,
        recipe=one.recipe,
        data={
            **run.description.data,
            "name": source.name,
            "fingerprint": source.fingerprint,
        },
        precision="float32",
        origin=None,
    )
    differences = run.description.differences(asked_for)
    if differences:
        raise RunError(f"{one.folder} holds another run (there, asked for): " + "; ".join(differences[:8]))


def _recipe_sha256(recipe: Recipe) -> str:
    """Hash what the runs of one row have in common: the recipe without seed and description."""
    content: dict[str, Any] = recipe.model_dump(mode="json", exclude={"seed", "description"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
