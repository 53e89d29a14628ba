"""Tables 4.1 to 4.4 on the groups of skin tones.

Tables 4.1 and 4.2 are a grid of settings here; tables 4.3 and 4.4 are in `deepindex_comparison`. Nothing is
chosen on what is measured: every setting is printed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kzoo.data.progress import progress_bar
from kzoo.errors import UnknownNameError, UsageError
from kzoo.evaluation import deepindex_comparison as comparison
from kzoo.evaluation.deepindex_split import (
    DATA,
    FIXED_ALPHA,
    FIXED_ASSIGNMENTS,
    NAMES,
    PAIR,
    QUERIES_AT_ONCE,
    SINGLE,
    WORDS,
    Split,
    as_csv,
    load_features,
    spread,
)
from kzoo.files import write_atomic
from kzoo.metrics.retrieval import holidays_map, n_s_score
from kzoo.systems.deepindex.inverted import INVERSE_FREQUENCIES, InverseFrequency
from kzoo.systems.deepindex.retrieve import METHODS, DeepIndex, Method

WHOLE = "4"
GRIDS = (WHOLE, "4.1", "4.2")
COMPARISONS: Mapping[str, Callable[[Path, int], str]] = {
    "4.3": comparison.run_table_3,
    "4.4": comparison.run_table_4,
}
TABLES = (*GRIDS, *COMPARISONS)
ASSIGNMENTS = (1, 3, 5, 10)
ALPHAS = (1.0, 2.0, 4.0, 8.0, 15.0)
DIMENSIONS = (0, 512, 256, 128, 64)

Cell = tuple[tuple[str, ...], int, int, float, InverseFrequency, Method]


@dataclass(frozen=True)
class Result:
    """One setting on one split: mean_average_precision in percent, n_s from 0 to 4; pca 0 is none."""

    table: str
    features: str
    pca: int
    words: int
    assignments: int
    alpha: float
    idf: InverseFrequency
    method: Method
    seed: int
    mean_average_precision: float
    n_s: float


def measure(split: Split, table: str, cell: Cell) -> Result:
    """Query with every image of a split's gallery."""
    features, dimension, assignments, alpha, idf, method = cell
    found = {name: split.prepared(name, dimension) for name in features}
    patches = {name: array for name, (array, _) in found.items()}
    books = {name: book for name, (_, book) in found.items()}
    index = DeepIndex.build(patches, books, method=method, idf=idf)
    count = len(split.groups)
    parts = []
    for start in range(0, count, QUERIES_AT_ONCE):
        asked = {name: array[start : start + QUERIES_AT_ONCE] for name, array in patches.items()}
        parts.append(index.rank(asked, assignments=assignments, alpha=alpha))
    rankings = list(np.concatenate(parts))
    queries = range(count)
    return Result(
        table,
        " + ".join(features),
        dimension,
        split.words,
        assignments,
        alpha,
        idf,
        method,
        split.seed,
        holidays_map(rankings, queries, split.groups),
        n_s_score(rankings, queries, split.groups),
    )


def run(
    results_folder: Path = Path("results"), *, table: str = WHOLE, seeds: int = 3, words: int = WORDS
) -> tuple[Result, ...]:
    """Measure every setting of a grid and write results/table-TABLE-house-skin_tones.csv and .md.

    Features are computed where the cache has none; that takes about half an hour on a core.

    Args:
        results_folder: where the two files go.
        table: "4.1", "4.2", or "4" for both and for the comparison of ways to vote.
        seeds: splits, with the seeds 0 to seeds - 1.
        words: of each codebook.

    Raises:
        UnknownNameError: for another table.
        DataError: if a package that brings drawings or weights is not installed.
    """
    if table not in GRIDS:
        raise UnknownNameError("table", f"table-{table}", [f"table-{one}" for one in GRIDS])
    cells = [(title, cell) for title, cell in planned() if table == WHOLE or title.startswith(table)]
    features, groups = load_features()
    found = []
    for seed in range(seeds):
        split = Split(features, groups, seed, words)
        for title, cell in progress_bar(cells, f"split {seed}", total=len(cells)):
            found.append(measure(split, title, cell))
    stem = results_folder / f"table-{table}-{DATA.replace('/', '-')}"
    write_atomic(Path(f"{stem}.csv"), as_csv(found))
    write_atomic(Path(f"{stem}.md"), as_markdown(found))
    return tuple(found)


def reproduce(table: str, data: str, *, seeds: int, results_folder: Path) -> str:
    """Measure a table of chapter 4, write it into `results_folder`, and return it as Markdown.

    Args:
        table: "table-4.1" or "4.1"; "4" for tables 4.1 and 4.2 and the ways to vote.
        data: house/skin_tones.
        seeds, results_folder: as `run`.

    Raises:
        UsageError: for other data.
        UnknownNameError: for another table.
        DataError: as `run`.
    """
    if data != DATA:
        raise UsageError(f"the tables of chapter 4 are measured on {DATA}; received {data!r}")
    name = table.removeprefix("table-")
    if name not in TABLES:
        raise UnknownNameError("table", table, [f"table-{one}" for one in TABLES])
    if name in COMPARISONS:
        return COMPARISONS[name](results_folder, seeds)
    return as_markdown(run(results_folder, table=name, seeds=seeds))


def planned() -> Iterator[tuple[str, Cell]]:
    """Yield the settings of each table."""
    names = tuple(NAMES.values())
    ones_and_pairs = [*((name,) for name in names), *itertools.combinations(names, 2)]
    for features, idf in itertools.product(ones_and_pairs, INVERSE_FREQUENCIES):
        for assignments in ASSIGNMENTS:
            yield "4.1", (features, 0, assignments, 0.0, idf, "words")
    for features, idf, alpha in itertools.product((SINGLE, PAIR), INVERSE_FREQUENCIES, ALPHAS):
        yield "4.1, signatures", (features, 0, FIXED_ASSIGNMENTS, alpha, idf, "words")
    for features, idf, dimension in itertools.product((SINGLE, PAIR), INVERSE_FREQUENCIES, DIMENSIONS):
        yield "4.2", (features, dimension, FIXED_ASSIGNMENTS, FIXED_ALPHA, idf, "words")
    for features, method, alpha in itertools.product((SINGLE, PAIR), METHODS, (0.0, FIXED_ALPHA)):
        yield "voting", (features, 128, FIXED_ASSIGNMENTS, alpha, "log", method)


def as_markdown(results: Sequence[Result]) -> str:
    """Return a table for each of the thesis's, with mean and standard deviation over the splits."""
    cells: dict[tuple[str, ...], list[Result]] = {}
    for one in results:
        setting = (
            one.table,
            one.features,
            one.pca or "none",
            one.assignments,
            one.alpha,
            one.idf,
            one.method,
        )
        cells.setdefault(tuple(str(part) for part in setting), []).append(one)
    lines = [f"# Chapter 4 on {DATA}", ""]
    for table, found in itertools.groupby(cells.items(), key=lambda item: item[0][0]):
        lines += [
            f"## {table}",
            "",
            "| features | PCA | MA | alpha | idf | votes | mAP % | N-S |",
            "|---" * 8 + "|",
        ]
        for (_, *key), runs in found:
            precision = [one.mean_average_precision for one in runs]
            n_s = [one.n_s for one in runs]
            lines.append(f"| {' | '.join(key)} | {spread(precision, 2)} | {spread(n_s, 3)} |")
        lines.append("")
    return "\n".join(lines)
