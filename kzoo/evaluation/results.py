"""From single runs to a table: means over seeds, differences paired by seed, orderings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kzoo.evaluation.evaluate import Evaluation
from kzoo.evaluation.statistics import Interval, mean_interval
from kzoo.evaluation.tables import TableDefinition, TableRow
from kzoo.system import PublishedResult
from kzoo.training.tasks import Source

HELD, FAILED, UNDECIDED = "held", "failed", "undecided"


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One finished run, or an ensemble of several, on the test split, for one row of a table."""

    row: str
    system: str
    seed: int
    folders: tuple[Path, ...]
    evaluation: Evaluation
    steps: int
    recipe_name: str
    recipe_sha256: str
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row over all seeds.

    Attributes:
        name: of the row.
        seeds: of the runs there are.
        means: metric to its mean with Student's 95 % interval; empty without runs.
        published: the thesis's numbers of this row.
        baseline: the row that `difference` is taken to, or None.
        difference: first measure less the baseline's of the same seed, mean and interval; None without
            pairs.
    """

    name: str
    seeds: tuple[int, ...]
    means: Mapping[str, Interval]
    published: tuple[PublishedResult, ...]
    baseline: str | None
    difference: Interval | None


@dataclass(frozen=True, kw_only=True)
class Ordering:
    """A pair that the thesis orders, and whether the interval of the paired difference agrees.

    Attributes:
        better, worse: rows; the thesis finds the first one better.
        seeds: that both have been trained with.
        difference: first measure of `better` less that of `worse`, paired by seed; None without pairs.
        verdict: "held" if the whole interval says that `better` is better, "failed" if it says worse, else
            "undecided".
    """

    better: str
    worse: str
    seeds: int
    difference: Interval | None
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """One of the thesis's tables on one data set, with everything that it was made of.

    `majority_error_percent` is the error of the commonest class alone; NaN for what is no classification.
    """

    table: TableDefinition
    data: str
    fingerprint: str
    data_source: str
    licence: str
    test_examples: int
    majority_error_percent: float
    rows: tuple[Row, ...]
    orderings: tuple[Ordering, ...]
    runs: tuple[RunResult, ...]
    failures: tuple[str, ...]


Values = Mapping[str, Mapping[int, float]]


def summarize(
    table: TableDefinition,
    source: Source,
    rows: Sequence[TableRow],
    runs: Sequence[RunResult],
    failures: Sequence[str] = (),
) -> Report:
    """Return the table of `rows` over the runs there are; a row may have none."""
    values = {one.metric: _values(one.metric, rows, runs) for one in table.measures}
    evaluation = runs[0].evaluation if runs else None
    majority = evaluation.metrics.get("majority_accuracy", math.nan) if evaluation else math.nan
    return Report(
        table=table,
        data=source.name,
        fingerprint=source.fingerprint,
        data_source=source.source,
        licence=source.licence,
        test_examples=evaluation.examples if evaluation else 0,
        majority_error_percent=100 * (1 - majority),
        rows=summarized_rows(table, source.name, rows, values),
        orderings=orderings(table, values[table.measures[0].metric]),
        runs=tuple(runs),
        failures=tuple(failures),
    )


def summarized_rows(
    table: TableDefinition, data: str, rows: Sequence[TableRow], values: Mapping[str, Values]
) -> tuple[Row, ...]:
    """Return each row over its seeds; `values` are metric to row to seed to value."""
    return tuple(_row(table, data, row, values) for row in rows)


def orderings(table: TableDefinition, values: Values) -> tuple[Ordering, ...]:
    """Return the thesis's orderings between rows; `values` are the first measure's, by row and seed."""
    higher_is_better = table.measures[0].higher_is_better
    return tuple(
        _ordering(better, worse, values, higher_is_better)
        for better, worse in table.orderings
        if better in values and worse in values
    )


def _values(metric: str, rows: Sequence[TableRow], runs: Sequence[RunResult]) -> Values:
    """Return row to seed to value; a row need not have every measure."""
    return {
        row.name: {
            run.seed: run.evaluation.metrics[row.metric_prefix + metric]
            for run in runs
            if run.row == row.name and row.metric_prefix + metric in run.evaluation.metrics
        }
        for row in rows
    }


def _row(table: TableDefinition, data: str, row: TableRow, values: Mapping[str, Values]) -> Row:
    first = values[table.measures[0].metric]
    baseline = table.baselines.get(row.name)
    return Row(
        name=row.name,
        seeds=tuple(first[row.name]),
        means={
            metric: mean_interval(list(found[row.name].values()))
            for metric, found in values.items()
            if found[row.name]
        },
        published=table.published(row, data),
        baseline=baseline,
        difference=_paired(first[row.name], first.get(baseline, {})) if baseline else None,
    )


def _ordering(better: str, worse: str, values: Values, higher_is_better: bool) -> Ordering:
    difference = _paired(values[better], values[worse])
    return Ordering(
        better=better,
        worse=worse,
        seeds=len(values[better].keys() & values[worse].keys()),
        difference=difference,
        verdict=_verdict(difference, higher_is_better),
    )


def _paired(mine: Mapping[int, float], theirs: Mapping[int, float]) -> Interval | None:
    differences = [mine[seed] - theirs[seed] for seed in sorted(mine.keys() & theirs.keys())]
    return mean_interval(differences) if differences else None


def _verdict(difference: Interval | None, higher_is_better: bool) -> str:
    if difference is None or math.isnan(difference.low):
        return UNDECIDED
    below, above = (FAILED, HELD) if higher_is_better else (HELD, FAILED)
    if difference.high < 0:
        return below
    return above if difference.low > 0 else UNDECIDED
