"""A report as text, as CSV, and as one page that needs no other file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table

from kzoo.evaluation.page import page
from kzoo.evaluation.pictures import fusion_weights_picture, history_picture
from kzoo.evaluation.results import Ordering, Report, Row
from kzoo.evaluation.statistics import Interval
from kzoo.files import slug, write_atomic

VERSIONS = ("kzoo", "tensorflow", "keras", "numpy", "python", "machine", "commit")
TEXT_WIDTH = 140
OTHER_DATA = (
    "The thesis has no numbers on this data; its numbers on other data stand beside, for their order only."
)
READING = (
    (
        "Measured with the final weights on the test split: the thesis too takes the last iteration. "
        "Validation and best epochs play no part."
    ),
    (
        "Intervals are Student's, over seeds; differences are paired by seed. They say how much training "
        "varies, not how much another test split would. They are not corrected for the number of pairs."
    ),
    (
        "An order held (failed) if the whole interval of the difference says better (worse), else it is "
        "undecided."
    ),
)


def write_report(report: Report, path: Path, further: Mapping[str, bytes] | None = None) -> None:
    """Write a report's files and print its tables on standard output.

    The files are PATH.csv (a line a run), PATH-summary.csv, PATH.txt, PATH.html, and its pictures, with
    `further` ones, title to PNG, as PATH-figure-*.png.
    """
    write_atomic(path.with_name(f"{path.name}.csv"), csv_text(run_lines(report)))
    write_atomic(path.with_name(f"{path.name}-summary.csv"), csv_text(summary_lines(report)))
    text = io.StringIO()
    Console(file=text, width=TEXT_WIDTH).print(rendered(report))
    write_atomic(path.with_name(f"{path.name}.txt"), _without_trailing_blanks(text.getvalue()))
    drawn = {**pictures(report), **(further or {})}
    for title, png in drawn.items():
        write_atomic(
            path.with_name(f"{path.name}-{slug(title.split(':')[0].lower())}.png"),
            png,
        )
    write_atomic(
        path.with_name(f"{path.name}.html"),
        page(report, sections(report), notes(report), drawn),
    )
    console = Console()
    console.print(rendered(report), width=max(TEXT_WIDTH, console.width))


def run_lines(report: Report) -> list[dict[str, Any]]:
    """Return one line a run, with all that says what it was made of."""
    return [
        {
            "table": report.table.table,
            "data": report.data,
            **({"row": run.row} if run.row != run.system else {}),
            "system": run.system,
            "seed": run.seed,
            **{name: f"{value:.6g}" for name, value in run.evaluation.metrics.items()},
            "split": run.evaluation.split,
            "weights": run.evaluation.weights,
            "examples": run.evaluation.examples,
            "steps": run.steps,
            "recipe": run.recipe_name,
            "recipe_sha256": run.recipe_sha256,
            "data_fingerprint": run.evaluation.fingerprint,
            "weights_sha256": run.evaluation.weights_sha256,
            **({"judge_sha256": run.evaluation.judge_sha256} if run.evaluation.judge_sha256 else {}),
            **{name: run.environment.get(name, "") for name in VERSIONS},
        }
        for run in report.runs
    ]


def summary_lines(report: Report) -> list[dict[str, Any]]:
    """Return one line a row: mean and interval, difference to the baseline, the thesis's numbers."""
    return [
        {
            "table": report.table.table,
            "data": report.data,
            "row": row.name,
            "runs": len(row.seeds),
            **_means_columns(report, row),
            "baseline": row.baseline or "",
            **_interval_columns("difference", row.difference),
            **{f"thesis {one.column}": one.value for one in row.published},
        }
        for row in report.rows
    ]


def csv_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return lines as CSV with a heading; columns in the order in which they first appear."""
    text = io.StringIO(newline="")
    columns = list(dict.fromkeys(name for line in lines for name in line))
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def sections(report: Report) -> list[tuple[str, list[str], list[list[str]]]]:
    """Return the printed tables as (title, headings, cells): the rows, then the orderings."""
    found = _rows_of_one(report) if len(report.table.measures) == 1 else _rows_of_several(report)
    if report.orderings:
        sign = ">" if report.table.measures[0].higher_is_better else "<"
        found.append(
            (
                f"Does the thesis's order hold here? By {report.table.measures[0].heading}:",
                ["thesis finds", "pairs", "mean difference", "95 % interval", "here"],
                [_ordering(one, sign) for one in report.orderings],
            )
        )
    return found


def _rows_of_one(report: Report) -> list[tuple[str, list[str], list[list[str]]]]:
    measure = report.table.measures[0]
    columns = _published_columns(report)
    headings = ["row", "runs", measure.heading, "95 % interval", "to baseline", "95 % interval"]
    headings += [f"thesis {column}" for column in columns]
    cells = [
        [
            row.name,
            str(len(row.seeds)),
            *_cells(row.means.get(measure.metric), sign=False),
            *_cells(row.difference, sign=True),
            *_published_cells(row, columns),
        ]
        for row in report.rows
    ]
    return [(f"Table {report.table.table} on {report.data}", headings, cells)]


def _rows_of_several(report: Report) -> list[tuple[str, list[str], list[list[str]]]]:
    measures, columns = report.table.measures, _published_columns(report)
    cells = [
        [
            row.name,
            str(len(row.seeds)),
            *(_short(row.means.get(one.metric), one.decimals) for one in measures),
        ]
        for row in report.rows
    ]
    found = [
        (
            f"Table {report.table.table} on {report.data}: means, and half the width of their 95 % intervals",
            ["row", "runs", *(one.heading for one in measures)],
            cells,
        )
    ]
    if columns:
        printed = [[row.name, *_published_cells(row, columns)] for row in report.rows]
        found.append(("The thesis's numbers", ["row", *columns], printed))
    return found


def _published_columns(report: Report) -> list[str]:
    return list(dict.fromkeys(one.column for row in report.rows for one in row.published))


def _published_cells(row: Row, columns: Sequence[str]) -> list[str]:
    published = {one.column: f"{one.value:.2f}" for one in row.published}
    return [published.get(column, "") for column in columns]


def _short(interval: Interval | None, decimals: int) -> str:
    if interval is None:
        return ""
    half = "" if math.isnan(interval.low) else f" ± {(interval.high - interval.low) / 2:.{decimals}f}"
    return f"{interval.value:.{decimals}f}{half}"


def _means_columns(report: Report, row: Row) -> dict[str, str]:
    columns: dict[str, str] = {}
    for measure in report.table.measures:
        columns |= _interval_columns(measure.metric, row.means.get(measure.metric))
    return columns


def notes(report: Report) -> list[str]:
    """Return what a reader must know to read the numbers."""
    made_of = (
        f"{report.table.title}. Data: {report.data}, {report.test_examples} test examples, fingerprint "
        f"{report.fingerprint[:16]}."
    )
    if not math.isnan(report.majority_error_percent):
        made_of += f" The commonest class alone: {report.majority_error_percent:.2f} % error."
    on_this_data = any(one.data == report.data for row in report.rows for one in row.published)
    elsewhere = [] if on_this_data else [OTHER_DATA]
    failed = [f"FAILED, not in the table: {failure}" for failure in report.failures]
    return [made_of, *elsewhere, *READING, *failed]


def rendered(report: Report) -> Group:
    """Return the tables and notes for a rich console."""
    tables = []
    for title, headings, cells in sections(report):
        table = Table(*headings, title=title, box=box.SIMPLE_HEAD, title_justify="left")
        table.columns[0].no_wrap = True  # names that begin alike are told apart by their ends
        table.columns[0].min_width = max(len(line[0]) for line in cells)
        for line in cells:
            table.add_row(*line)
        tables.append(table)
    return Group(*tables, *notes(report))


def pictures(report: Report) -> dict[str, bytes]:
    """Return title to PNG: figure 2.8 where runs have fusion weights, figure 2.7 of each baseline's group.

    Ensembles have no history of their own.
    """
    folders: dict[str, list[Path]] = {}
    for run in report.runs:
        if len(run.folders) == 1:
            folders.setdefault(run.row, []).append(run.folders[0])
    found = {}
    with_weights = {name: paths for name, paths in folders.items() if _has_weights(paths)}
    if with_weights:
        found["Figure 2.8: fusion weights during training"] = fusion_weights_picture(with_weights)
    groups: dict[str, dict[str, list[Path]]] = {}
    for name, paths in folders.items():
        groups.setdefault(report.table.baselines.get(name, name), {})[name] = paths
    for baseline, members in groups.items():
        found[f"Figure 2.7 {baseline}: training loss and validation error"] = history_picture(members)
    return found


def _has_weights(folders: Iterable[Path]) -> bool:
    return all((folder / "fusion_weights.csv").is_file() for folder in folders)


def _interval_columns(name: str, interval: Interval | None) -> dict[str, str]:
    values = (interval.value, interval.low, interval.high) if interval else (math.nan,) * 3
    return {
        column: "" if math.isnan(value) else f"{value:.4f}"
        for column, value in zip((name, f"{name}_low", f"{name}_high"), values, strict=True)
    }


def _ordering(one: Ordering, sign: str) -> list[str]:
    return [
        f"{one.better} {sign} {one.worse}",
        str(one.seeds),
        *_cells(one.difference, sign=True),
        one.verdict,
    ]


def _cells(interval: Interval | None, *, sign: bool) -> tuple[str, str]:
    if interval is None:
        return "", ""
    spec = "+.2f" if sign else ".2f"
    bounds = "" if math.isnan(interval.low) else f"{interval.low:{spec}} to {interval.high:{spec}}"
    return f"{interval.value:{spec}}", bounds


def _without_trailing_blanks(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
