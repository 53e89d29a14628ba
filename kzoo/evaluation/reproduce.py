"""Train what is missing of one of the thesis's tables, evaluate it, and print it beside the thesis's.

Every run lies in RUNS/table-TABLE/DATA/SYSTEM/seed-N, or in RUNS/chapter-CHAPTER/... where tables share
runs; what is finished is kept, what was interrupted is
resumed. Only the test error of the final weights enters a table: the thesis reports the last iteration.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from kzoo import registry
from kzoo.errors import KzooError, RunError, UsageError
from kzoo.evaluation.evaluate import evaluate_ensemble, evaluate_run, read_evaluation
from kzoo.evaluation.judge import Judge, judge_of_table, open_judge
from kzoo.evaluation.plan import PlannedResult, PlannedRun, Planner
from kzoo.evaluation.processes import Failure, Job, run_jobs
from kzoo.evaluation.report import write_report
from kzoo.evaluation.results import Report, RunResult, summarize
from kzoo.evaluation.runs_bar import RunsBar
from kzoo.evaluation.sample_pictures import figures_of_runs
from kzoo.evaluation.tables import TableDefinition, find_table
from kzoo.files import data_slug
from kzoo.training.run_folder import held_alone


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
    judge: str | None = None,
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
        judge: a finished run, or another name of `kzoo.evaluation.judge.open_judge`; for a table with a
            judge one of its own is trained where this is None.
        quiet: no progress bar.
        announce: time a few steps first, and say how long all will take.

    Raises:
        UnknownNameError, UsageError, DataError: for a table, rows, overrides or data that are not there.
        RunError: after the others have been trained and the results written, naming each run that failed
            or cannot be read; at once if another process trains into the same folder.
    """
    if seeds < 1 or jobs < 1:
        raise UsageError(f"seeds and jobs must be 1 or more; received seeds={seeds}, jobs={jobs}")
    definition = find_table(table).on(data)
    chosen = definition.select(rows)
    folder = _folder(definition, data, runs_folder)
    planner = Planner(definition, data, chosen, folder, overrides)
    planned = planner.results(chosen, seeds)
    with held_alone(folder):
        named = judge_of_table(definition, data, folder, judge)
        failures = _train_missing(planned, folder, jobs, quiet, announce, named)
        opened = open_judge(named, registry.find(chosen[0].system), planner.source) if named else None
        found, unreadable = _collect(planned, failures, opened)
    failures = [*failures, *unreadable]
    report = summarize(
        definition,
        planner.source,
        chosen,
        found,
        [f"{one.name} {one.reason}" for one in failures],
    )
    figures = figures_of_runs(definition, found, planner.source)
    write_report(report, results_folder / f"table-{definition.table}-{data_slug(data)}", figures)
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
    definition = find_table(table).on(data)
    folder = _folder(definition, data, runs_folder)
    planner = Planner(definition, data, definition.rows, folder, overrides)
    return _hours_of(_missing(planner.results(definition.rows, seeds)), folder, jobs)


def _folder(table: TableDefinition, data: str, runs_folder: Path) -> Path:
    return runs_folder / (table.group or f"table-{table.table}") / data_slug(data)


def _runs(planned: Sequence[PlannedResult]) -> list[PlannedRun]:
    """Return the runs of all lines, each once, under the name of the first line that needs it."""
    by_folder = {run.folder: run for one in reversed(planned) for run in reversed(one.runs)}
    return list(reversed(by_folder.values()))


def _missing(planned: Sequence[PlannedResult]) -> list[PlannedRun]:
    return [run for run in _runs(planned) if not (run.folder / "final.keras").is_file()]


def _train_missing(
    planned: Sequence[PlannedResult],
    folder: Path,
    jobs: int,
    quiet: bool,
    announce: bool,
    judge: str | None,
) -> list[Failure]:
    console = Console(stderr=True)
    total = len(_runs(planned))
    missing = _missing(planned)
    if not missing:
        console.print(f"All {total} runs are trained.")
        return []
    console.print(f"{len(missing)} of {total} runs are to be trained.")
    if announce:
        console.print("Timing a few steps of each row ...")
        console.print(_estimate(missing, folder, jobs), soft_wrap=True)
    with RunsBar(console, missing, total, quiet) as bar:
        return run_jobs([_job(one, judge) for one in missing], jobs, bar.update)


def _job(one: PlannedRun, judge: str | None) -> Job:
    task = {
        "action": "train",
        "system": one.system,
        "recipe_name": one.recipe_name,
        "recipe": one.recipe.model_dump(mode="json"),
        "folder": str(one.folder),
        "judge": judge,
    }
    return Job(name=one.name, task=task, log=one.folder.with_suffix(".log"))


def _estimate(missing: Sequence[PlannedRun], folder: Path, jobs: int) -> str:
    try:
        left = sum(_hours_of(missing, folder, jobs).values())
    except RunError as error:
        return f"No estimate: {error}. Runs: {folder}"
    hours = left / min(jobs, len(missing))
    return f"Training will take {duration(hours)}, {jobs} at once. Runs: {folder}"


def _hours_of(missing: Sequence[PlannedRun], folder: Path, jobs: int) -> dict[Path, float]:
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
        one.folder: seconds[one.row] * one.steps() * max(0, 1 - one.epochs_done() / one.epochs()) / 3600
        for one in missing
    }


def duration(hours: float) -> str:
    """Return hours in words, as "about 5 minutes"."""
    if hours >= 1:
        return f"about {hours:.1f} hours"
    minutes = max(1, round(60 * hours))
    return f"about {minutes} minute{'s' if minutes > 1 else ''}"


def _collect(
    planned: Sequence[PlannedResult], failures: Sequence[Failure], judge: Judge | None
) -> tuple[list[RunResult], list[Failure]]:
    """Return the results of the runs that did not fail, evaluating what is trained but not evaluated."""
    names = {run.name: run.folder for run in _runs(planned)}
    failed = {names[one.name] for one in failures}
    found, unreadable = [], []
    for one in planned:
        if failed.intersection(run.folder for run in one.runs):
            continue
        try:
            found.append(_result(one, judge))
        except KzooError as error:
            unreadable.append(Failure(one.name, f"cannot be used: {error}"))
    return found, unreadable


def _result(one: PlannedResult, judge: Judge | None) -> RunResult:
    runs = [planned.opened() for planned in one.runs]
    last = one.runs[-1]
    source, split = last.source, last.recipe.data.test_split
    if len(runs) > 1:
        evaluation = evaluate_ensemble(runs, source, split)
    else:
        known = read_evaluation(runs[0], source.fingerprint, split, judge=judge)
        evaluation = known or evaluate_run(runs[0], source, split, judge=judge)
    return RunResult(
        row=one.row,
        system=last.system,
        seed=one.seed,
        folders=tuple(run.folder for run in one.runs),
        evaluation=evaluation,
        steps=sum(run.steps() for run in one.runs),
        recipe_name=last.recipe_name,
        recipe_sha256="+".join(run.recipe_sha256() for run in one.runs),
        environment=runs[-1].description.environment,
    )
