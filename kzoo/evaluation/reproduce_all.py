"""All tables that the house set can stand for: what is missing is trained, then one page is written.

The page is made from the lines of RESULTS/table-*.csv alone, so it can be written without any run folder.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from kzoo.errors import KzooError, RunError, UsageError
from kzoo.evaluation.deepindex_split import DATA as CHAPTER_4_DATA
from kzoo.evaluation.deepindex_tables import COMPARISONS, WHOLE
from kzoo.evaluation.deepindex_tables import reproduce as reproduce_chapter_4
from kzoo.evaluation.overview import Outcome, write_overview
from kzoo.evaluation.reproduce import duration, hours_left, reproduce
from kzoo.evaluation.results import Values, orderings, summarized_rows
from kzoo.evaluation.tables import TABLES, TableDefinition, TableRow
from kzoo.files import data_slug

CHAPTER_4_TABLES = (WHOLE, *COMPARISONS)
HOUSE_DATA: Mapping[str, str] = {
    "2.2": "house/emoji",
    "2.4": "house/emoji",
    **dict.fromkeys(("2.7", "2.8", "3.1", "3.2"), "house/emoji_layers"),
    **dict.fromkeys(("5.1", "5.2", "5.3", "5.5", "6.2", "6.3"), "house/emoji_captions"),
    **dict.fromkeys(("7.2", "7.3", "7.4", "7.5", "7.6", "7.7", "7.8"), "house/emoji_captions"),
    "8.1": "house/outline_color",
    "8.2": "house/people",
    "8.3": "house/people",
}
NO_HOUSE_DATA: Mapping[str, str] = {
    "2.3": "compares training with and without augmentation; the house recipe is the same as table 2.2's",
    "7.9": "compares image encoders, VGG-19 and ResNet-152, whose weights no package brings",
}


def reproduce_all(
    *,
    seeds: int = 5,
    runs_folder: Path = Path("runs"),
    results_folder: Path = Path("results"),
    jobs: int = 1,
    train: bool = True,
    quiet: bool = False,
) -> Path:
    """Train what is missing of every table on the house set, and write the page RESULTS/reproduction.html.

    Args:
        seeds, runs_folder, results_folder, jobs, quiet: as `reproduce`.
        train: False writes the page of the results that there are.

    Returns:
        The page; its text stands beside it with the suffix .txt.

    Raises:
        UsageError: for seeds or jobs below 1.
        RunError: after the page has been written, if tables failed; the message names each.
    """
    if seeds < 1 or jobs < 1:
        raise UsageError(f"seeds and jobs must be 1 or more; received seeds={seeds}, jobs={jobs}")
    failures = []
    if train:
        _print_hours(seeds, runs_folder, jobs)
        for table, data in HOUSE_DATA.items():
            try:
                reproduce(
                    table,
                    data,
                    seeds=seeds,
                    runs_folder=runs_folder,
                    results_folder=results_folder,
                    jobs=jobs,
                    quiet=quiet,
                    announce=False,
                )
            except KzooError as error:
                failures.append(f"table {table}: {error}")
        for table in CHAPTER_4_TABLES:
            try:
                reproduce_chapter_4(table, CHAPTER_4_DATA, seeds=seeds, results_folder=results_folder)
            except KzooError as error:
                failures.append(f"table {table}: {error}")
    page = write_overview(read_outcomes(results_folder), NO_HOUSE_DATA, results_folder / "reproduction")
    if failures:
        raise RunError(f"{page} is written; the same command tries again:\n" + "\n".join(failures))
    return page


def read_outcomes(results_folder: Path) -> list[Outcome]:
    """Return every table of `HOUSE_DATA` as its results say; without rows where there are none yet."""
    return [
        _outcome(TABLES[table].on(data), data, results_folder / f"table-{table}-{data_slug(data)}.csv")
        for table, data in HOUSE_DATA.items()
    ]


def _outcome(table: TableDefinition, data: str, path: Path) -> Outcome:
    if not path.is_file():
        return Outcome(table=table, data=data, rows=(), orderings=())
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    values = {one.metric: _values(one.metric, table.rows, lines, path) for one in table.measures}
    return Outcome(
        table=table,
        data=data,
        rows=summarized_rows(table, data, table.rows, values),
        orderings=orderings(table, values[table.measures[0].metric]),
    )


def _values(metric: str, rows: tuple[TableRow, ...], lines: list[dict[str, str]], path: Path) -> Values:
    """Return row to seed to value, as `summarize` has them of runs."""
    try:
        return {
            row.name: {
                int(line["seed"]): float(line[row.metric_prefix + metric])
                for line in lines
                if (line.get("row") or line["system"]) == row.name and line[row.metric_prefix + metric]
            }
            for row in rows
        }
    except (KeyError, ValueError) as error:
        raise RunError(f"{path} lacks a column or a number for {metric}: {error}") from error


def _print_hours(seeds: int, runs_folder: Path, jobs: int) -> None:
    """Say for each table, and for all, how long training will take; runs that tables share count once."""
    console = Console(stderr=True)
    console.print("Timing a few steps of each row of each table ...")
    known: dict[Path, float] = {}
    for table, data in HOUSE_DATA.items():
        try:
            hours = hours_left(table, data, seeds=seeds, runs_folder=runs_folder, jobs=jobs)
        except RunError as error:
            console.print(f"table {table} on {data}: no estimate: {error}")
            continue
        own = sum(value for folder, value in hours.items() if folder not in known)
        known |= hours
        console.print(f"table {table} on {data}: {duration(own / jobs) if hours else 'trained'}")
    console.print(f"All: {duration(sum(known.values()) / jobs) if known else 'trained'}, {jobs} at once.")
