"""One page over all tables: the thesis's numbers, ours, and whether each ordering held."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from kzoo.evaluation.page import plain_page
from kzoo.evaluation.results import FAILED, HELD, UNDECIDED, Ordering, Row
from kzoo.evaluation.statistics import Interval
from kzoo.evaluation.tables import TableDefinition
from kzoo.files import write_atomic

TITLE = "The thesis's tables on the house set"
TEXT_WIDTH = 150
VERDICTS = (HELD, FAILED, UNDECIDED)
NO_INTERVAL = "no interval"
NOTES = (
    "The house set is not the thesis's data: its numbers stand beside for their order only.",
    "Means over seeds, final weights, test split, with Student's 95 % interval; pairs are of one seed.",
    (
        "An ordering held (failed) if the whole interval of the difference says better (worse); else, and "
        "where one seed or none leaves no interval, it is undecided. Intervals are not corrected for the "
        "number of pairs."
    ),
    (
        "Chapter 4 trains nothing: tables 4.1 and 4.2 are a grid, table-4-house-skin_tones.md; "
        "`kzoo reproduce` writes tables 4.3 and 4.4 into files of their own."
    ),
)

Section = tuple[str, list[str], list[list[str]]]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One table on the data that stands for the thesis's; no rows where it has not been run."""

    table: TableDefinition
    data: str
    rows: tuple[Row, ...]
    orderings: tuple[Ordering, ...]


def write_overview(outcomes: Sequence[Outcome], left_out: Mapping[str, str], path: Path) -> Path:
    """Write PATH.html and PATH.txt, and return the former; `left_out` is table to why it cannot be run."""
    sections = [_summary(outcomes)]
    for one in outcomes:
        if one.rows:
            sections += [_rows(one), _orderings(one)]
    missing = [
        f"Table {one.table.table} ({one.data}) has no results yet." for one in outcomes if not one.rows
    ]
    notes = [*NOTES, *missing, *(f"Table {table} is left out: it {why}." for table, why in left_out.items())]
    html = path.with_suffix(".html")
    write_atomic(html, plain_page(TITLE, sections, notes))
    write_atomic(path.with_suffix(".txt"), _text(sections, notes))
    return html


def _summary(outcomes: Sequence[Outcome]) -> Section:
    cells = [
        [one.table.table, one.data, str(len(one.orderings)), *(_count(one, verdict) for verdict in VERDICTS)]
        for one in outcomes
        if one.rows
    ]
    totals = [str(sum(int(line[column]) for line in cells)) for column in range(2, 6)]
    return (
        "Orderings of the thesis",
        ["table", "data", "orderings", *VERDICTS],
        [*cells, ["all", "", *totals]],
    )


def _count(outcome: Outcome, verdict: str) -> str:
    return str(sum(one.verdict == verdict for one in outcome.orderings))


def _rows(outcome: Outcome) -> Section:
    measure = outcome.table.measures[0]
    cells = [
        [
            row.name,
            str(len(row.seeds)),
            *_cells(row.means.get(measure.metric), ""),
            "; ".join(f"{one.column} {one.value:g}" for one in row.published),
        ]
        for row in outcome.rows
    ]
    title = f"Table {outcome.table.table} on {outcome.data}: {outcome.table.title}"
    return title, ["row", "seeds", measure.heading, "95 % interval", "the thesis, on its data"], cells


def _orderings(outcome: Outcome) -> Section:
    measure = outcome.table.measures[0]
    sign = ">" if measure.higher_is_better else "<"
    cells = [
        [
            f"{one.better} {sign} {one.worse}",
            str(one.seeds),
            *_cells(one.difference, "+"),
            one.verdict,
        ]
        for one in outcome.orderings
    ]
    headings = ["the thesis finds", "pairs", "mean difference", "95 % interval", "here"]
    return f"Table {outcome.table.table}: its order, by {measure.heading}", headings, cells


def _cells(interval: Interval | None, sign: str) -> tuple[str, str]:
    if interval is None:
        return "", NO_INTERVAL
    spec = f"{sign}.3f"
    if math.isnan(interval.low):
        return f"{interval.value:{spec}}", NO_INTERVAL
    return f"{interval.value:{spec}}", f"{interval.low:{spec}} to {interval.high:{spec}}"


def _text(sections: Sequence[Section], notes: Sequence[str]) -> str:
    file = io.StringIO()
    console = Console(file=file, width=TEXT_WIDTH)
    for title, headings, cells in sections:
        table = Table(*headings, title=title, box=box.SIMPLE_HEAD, title_justify="left")
        for line in cells:
            table.add_row(*line)
        console.print(table)
    for note in notes:
        console.print(note, highlight=False)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
