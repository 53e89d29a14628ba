"""From single runs to a table: means over seeds, differences paired by seed, orderings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kzoo.data.sources import DataSource
from kzoo.evaluation.evaluate import Evaluation
from kzoo.evaluation.statistics import Interval, mean_interval
from kzoo.evaluation.tables import TableDefinition
from kzoo.system import PublishedResult

HELD, FAILED, UNDECIDED = "held", "failed", "undecided"


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One finished run and what it does on the test split."""

    system: str
    seed: int
    folder: Path
    evaluation: Evaluation
    steps: int
    recipe_name: str
    recipe_sha256: str
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One system over all seeds.

    Attributes:
        system: registered name.
        seeds: of the runs there are.
        error: mean of the table's metric with Student's 95 % interval; None without runs.
        published: the thesis's numbers of this row.
        baseline: the system that `difference` is taken to, or None.
        difference: error less the baseline's of the same seed, mean and interval; None without pairs.
    """

    system: str
    seeds: tuple[int, ...]
    error: Interval | None
    published: tuple[PublishedResult, ...]
    baseline: str | None
    difference: Interval | None


@dataclass(frozen=True, kw_only=True)
class Ordering:
    """A pair that the thesis orders, and whether the interval of the paired difference agrees.

    Attributes:
        better, worse: systems; the thesis finds the first one's error lower.
        seeds: that both have been trained with.
        difference: error of `better` less that of `worse`, paired by seed; None without pairs.
        verdict: "held" if the interval lies below 0, "failed" if above, else "undecided".
    """

    better: str
    worse: str
    seeds: int
    difference: Interval | None
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """One of the thesis's tables on one data set, with everything that it was made of."""

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


def summarize(
    table: TableDefinition,
    source: DataSource,
    systems: Sequence[str],
    runs: Sequence[RunResult],
    failures: Sequence[str] = (),
) -> Report:
    """Return the table of `systems` over the runs there are; a row may have none."""
    errors: dict[str, dict[int, float]] = {name: {} for name in systems}
    for run in runs:
        errors[run.system][run.seed] = run.evaluation.metrics[table.metric]
    first = runs[0].evaluation if runs else None
    return Report(
        table=table,
        data=source.name,
        fingerprint=source.fingerprint,
        data_source=source.source,
        licence=source.licence,
        test_examples=first.examples if first else 0,
        majority_error_percent=100 * (1 - first.metrics["majority_accuracy"]) if first else math.nan,
        rows=tuple(_row(table, source.name, name, errors) for name in systems),
        orderings=tuple(
            _ordering(better, worse, errors)
            for better, worse in table.orderings
            if better in systems and worse in systems
        ),
        runs=tuple(runs),
        failures=tuple(failures),
    )


def _row(
    table: TableDefinition,
    data: str,
    name: str,
    errors: Mapping[str, Mapping[int, float]],
) -> Row:
    baseline = table.baselines.get(name)
    return Row(
        system=name,
        seeds=tuple(errors[name]),
        error=mean_interval(list(errors[name].values())) if errors[name] else None,
        published=table.published(name, data),
        baseline=baseline,
        difference=_paired(errors[name], errors.get(baseline, {})) if baseline else None,
    )


def _ordering(better: str, worse: str, errors: Mapping[str, Mapping[int, float]]) -> Ordering:
    difference = _paired(errors[better], errors[worse])
    return Ordering(
        better=better,
        worse=worse,
        seeds=len(errors[better].keys() & errors[worse].keys()),
        difference=difference,
        verdict=_verdict(difference),
    )


def _paired(mine: Mapping[int, float], theirs: Mapping[int, float]) -> Interval | None:
    differences = [mine[seed] - theirs[seed] for seed in sorted(mine.keys() & theirs.keys())]
    return mean_interval(differences) if differences else None


def _verdict(difference: Interval | None) -> str:
    if difference is None or math.isnan(difference.low):
        return UNDECIDED
    if difference.high < 0:
        return HELD
    return FAILED if difference.low > 0 else UNDECIDED
