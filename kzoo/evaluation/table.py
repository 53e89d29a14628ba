"""What a table of the thesis is, as data: rows, measures, orderings."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kzoo import registry
from kzoo.errors import UsageError
from kzoo.system import PublishedResult


@dataclass(frozen=True)
class Measure:
    """What a column of numbers is.

    Attributes:
        metric: the name under which `evaluate` returns it.
        heading: of the column.
        higher_is_better: False for errors and losses.
        decimals: that are printed where a table has several measures.
    """

    metric: str
    heading: str
    higher_is_better: bool
    decimals: int = 1


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row: a system, trained in a way of its own where the table compares ways.

    Attributes:
        name: of the row; that of the system where it has one row only.
        system: registered model.
        overrides: of its recipe, as "options.steps=2"; rows with the same system and overrides share runs.
        members: of an ensemble, the overrides of each of its models; none for a row of one model.
        metric_prefix: before the names of metrics, where one model is measured in several ways.
        printed: the row's heading in the thesis; "" where a system has one row only.
    """

    name: str
    system: str
    overrides: tuple[str, ...] = ()
    members: tuple[tuple[str, ...], ...] = ()
    metric_prefix: str = ""
    printed: str = ""

    @property
    def run_name(self) -> str:
        """Name of the folder of its runs."""
        return "-".join([self.system, *(one.replace("=", "-").replace("/", "-") for one in self.overrides)])


@dataclass(frozen=True, kw_only=True)
class Judging:
    """What a network that judges adds to a table.

    Attributes:
        judge: as `kzoo.evaluation.judge.open_judge` names it, or a system that is trained first.
        trained_on: data of the table to what its judge is trained on; without an entry it has none. Empty for
            a judge that need not be trained.
        measures: that come before the table's own.
        rows: that only the judge gives.
    """

    judge: str
    trained_on: Mapping[str, str] = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()
    rows: tuple[TableRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TableDefinition:
    """One table of the thesis.

    Attributes:
        table: its number, as "2.2".
        title: what it compares.
        rows: in the thesis's order.
        measures: what its numbers are; differences and orderings are of the first.
        baselines: row to the row that its runs are paired with, seed by seed.
        orderings: pairs (better, worse) of rows that the thesis finds.
        recipes: data to the recipe's name, where it is not the first one written for that data.
        own_measures: none of the measures is the thesis's, whose numbers, higher is better, then stand beside
            for their order alone.
        judging: by a network, of what rows make.
        group: name of the folder of its runs, which the tables of a group share; "" for one of its own.
    """

    table: str
    title: str
    rows: tuple[TableRow, ...]
    measures: tuple[Measure, ...]
    baselines: Mapping[str, str] = field(default_factory=dict)
    orderings: tuple[tuple[str, str], ...] = ()
    recipes: Mapping[str, str] = field(default_factory=dict)
    own_measures: bool = False
    judging: Judging | None = None
    group: str = ""

    def on(self, data: str) -> TableDefinition:
        """Return the table as it is on a data set: with what its judge adds, or without a judge."""
        judging = self.judging
        if judging is None or (judging.trained_on and data not in judging.trained_on):
            return replace(self, judging=None)
        return replace(
            self,
            rows=(*self.rows, *judging.rows),
            measures=(*judging.measures, *self.measures),
            own_measures=self.own_measures and not judging.measures,
        )

    def select(self, pattern: str | None) -> tuple[TableRow, ...]:
        """Return the rows that a shell pattern names, all of them for None.

        Raises:
            UsageError: if it names none.
        """
        chosen = tuple(row for row in self.rows if fnmatch.fnmatchcase(row.name, pattern or "*"))
        if not chosen:
            names = ", ".join(row.name for row in self.rows)
            raise UsageError(f"no row of table {self.table} matches {pattern!r}; it has {names}")
        return chosen

    def published(self, row: TableRow, data: str) -> tuple[PublishedResult, ...]:
        """Return the thesis's numbers of a row: that of the data set, or all where it has none for it."""
        found = [
            one
            for one in registry.find(row.system).published
            if one.table == self.table and row.printed in ("", one.row)
        ]
        return tuple(one for one in found if one.data == data) or tuple(found)
