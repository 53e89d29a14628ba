"""The thesis's tables that kzoo trains again, as data."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field

from kzoo import registry
from kzoo.errors import UnknownNameError, UsageError
from kzoo.system import PublishedResult


@dataclass(frozen=True, kw_only=True)
class TableDefinition:
    """One table of the thesis.

    Attributes:
        table: its number, as "2.2".
        title: what it compares.
        systems: a registered model a row, in the thesis's order.
        metric: what its numbers are; lower is better.
        baselines: system to the system that its runs are paired with, seed by seed.
        orderings: pairs (better, worse) that the thesis finds.
        recipes: data to the recipe's name, where it is not the first one written for that data.
    """

    table: str
    title: str
    systems: tuple[str, ...]
    metric: str
    baselines: Mapping[str, str]
    orderings: tuple[tuple[str, str], ...]
    recipes: Mapping[str, str] = field(default_factory=dict)

    def select(self, pattern: str | None) -> tuple[str, ...]:
        """Return the rows that a shell pattern names, all of them for None.

        Raises:
            UsageError: if it names none.
        """
        chosen = tuple(name for name in self.systems if fnmatch.fnmatchcase(name, pattern or "*"))
        if not chosen:
            raise UsageError(
                f"no row of table {self.table} matches {pattern!r}; it has {', '.join(self.systems)}"
            )
        return chosen

    def published(self, system: str, data: str) -> tuple[PublishedResult, ...]:
        """Return the thesis's numbers of a row: that of the data set, or all where it has none for it."""
        row = [one for one in registry.find(system).published if one.table == self.table]
        return tuple(one for one in row if one.data == data) or tuple(row)


def _fusions(bases: str) -> tuple[tuple[str, str], ...]:
    steps = (
        ("cnn_sum_", "cnn_"),
        ("cnn_conv_", "cnn_sum_"),
        ("cfn_", "cnn_conv_"),
        ("cfn_", "cnn_"),
    )
    return tuple((better + base, worse + base) for base in bases for better, worse in steps)


TABLES = {
    table.table: table
    for table in (
        TableDefinition(
            table="2.2",
            title="Fusion of side branches: error rates of plain CNNs and fusion networks",
            systems=tuple(f"{row}_{base}" for base in "ab" for row in ("cnn", "cnn_sum", "cnn_conv", "cfn")),
            metric="error_percent",
            baselines={
                f"{row}_{base}": f"cnn_{base}" for base in "ab" for row in ("cnn_sum", "cnn_conv", "cfn")
            },
            orderings=_fusions("ab"),
        ),
        TableDefinition(
            table="2.3",
            title="With data augmentation: error rates of CNN-B and CFN-B",
            systems=("cnn_b", "cfn_b"),
            metric="error_percent",
            baselines={"cfn_b": "cnn_b"},
            orderings=(("cfn_b", "cnn_b"),),
            recipes={"cifar10": "cifar10_augmented"},
        ),
    )
}


def find_table(name: str) -> TableDefinition:
    """Return the table called "2.2" or "table-2.2".

    Raises:
        UnknownNameError: if there is none.
    """
    number = name.removeprefix("table-")
    if number not in TABLES:
        raise UnknownNameError("table", name, [f"table-{table}" for table in TABLES])
    return TABLES[number]
