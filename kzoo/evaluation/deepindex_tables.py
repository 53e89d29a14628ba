"""Tables 4.1 and 4.2 on the groups of skin tones, with networks whose weights come with packages.

AlexNet and VGG-19 are replaced by EfficientNet-Lite0 and VGG-16 with HED's weights, two layers of each.
Halves of the groups are drawn by a seed: on one codebooks and components are trained, in the other every
image is a query. Nothing is chosen on what is measured: every setting is printed.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kzoo.data import skin_tones
from kzoo.data.progress import progress_bar
from kzoo.errors import UnknownNameError, UsageError
from kzoo.files import write_atomic
from kzoo.metrics.retrieval import holidays_map, n_s_score
from kzoo.systems.deepindex.codebook import Codebook
from kzoo.systems.deepindex.features import PatchEncoder, patch_features
from kzoo.systems.deepindex.inverted import INVERSE_FREQUENCIES, InverseFrequency
from kzoo.systems.deepindex.retrieve import METHODS, DeepIndex, Method
from kzoo.systems.deepindex.vectors import Floats, PrincipalComponents, unit_length

DATA = "house/skin_tones"
WHOLE = "4"
TABLES = (WHOLE, "4.1", "4.2")
DRAWN_AT = 192
ENCODERS: Mapping[str, PatchEncoder] = {
    "lite0": PatchEncoder("efficientnet_lite0", ("block_10_project_norm", "features"), 64),
    "hed": PatchEncoder("vgg16_hed", ("block4_conv3", "block5_conv3"), 48),
}
NAMES = {
    ("lite0", "block_10_project_norm"): "lite0 mid",
    ("lite0", "features"): "lite0 top",
    ("hed", "block4_conv3"): "hed 4",
    ("hed", "block5_conv3"): "hed 5",
}
PAIR = ("lite0 top", "hed 5")
SINGLE = ("lite0 top",)
WORDS = 1000
ASSIGNMENTS = (1, 3, 5, 10)
ALPHAS = (1.0, 2.0, 4.0, 8.0, 15.0)
DIMENSIONS = (0, 512, 256, 128, 64)
FIXED_ASSIGNMENTS, FIXED_ALPHA = 5, 8.0
QUERIES_AT_ONCE = 128

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


class Split:
    """The gallery of one seed, and what was trained on the other half of the groups."""

    def __init__(
        self, features: Mapping[str, Floats], groups: npt.NDArray[np.int64], seed: int, words: int
    ) -> None:
        training, gallery = skin_tones.group_halves(int(groups.max()) + 1, seed)
        self.seed, self.words = seed, words
        self._rows = {"training": np.isin(groups, training), "gallery": np.isin(groups, gallery)}
        self._features = features
        self.groups = groups[self._rows["gallery"]]
        self._prepared: dict[tuple[str, int], tuple[Floats, Codebook]] = {}

    def prepared(self, name: str, dimension: int) -> tuple[Floats, Codebook]:
        """Return the gallery's patches of a feature, (N, P, D) of length 1, and its words."""
        if (name, dimension) not in self._prepared:
            training, gallery = (self._features[name][rows] for rows in self._rows.values())
            flat = training.reshape(-1, training.shape[-1])
            if dimension:
                project = PrincipalComponents.fit(flat, min(dimension, flat.shape[1]), seed=self.seed)
                flat, gallery = project(flat), project(gallery)
            else:
                flat, gallery = unit_length(flat), unit_length(gallery)
            self._prepared[name, dimension] = gallery, Codebook.train(flat, self.words, seed=self.seed)
        return self._prepared[name, dimension]

    def measure(self, table: str, cell: Cell) -> Result:
        """Query with every image of the gallery."""
        features, dimension, assignments, alpha, idf, method = cell
        found = {name: self.prepared(name, dimension) for name in features}
        patches = {name: array for name, (array, _) in found.items()}
        books = {name: book for name, (_, book) in found.items()}
        index = DeepIndex.build(patches, books, method=method, idf=idf)
        count = len(self.groups)
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
            self.words,
            assignments,
            alpha,
            idf,
            method,
            self.seed,
            holidays_map(rankings, queries, self.groups),
            n_s_score(rankings, queries, self.groups),
        )


def run(
    results_folder: Path = Path("results"), *, table: str = "4", seeds: int = 3, words: int = WORDS
) -> tuple[Result, ...]:
    """Measure every setting of a table and write results/table-TABLE-house-skin_tones.csv and .md.

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
    if table not in TABLES:
        raise UnknownNameError("table", f"table-{table}", [f"table-{one}" for one in TABLES])
    cells = [(title, cell) for title, cell in planned() if table == WHOLE or title.startswith(table)]
    features, groups = load_features()
    found = []
    for seed in range(seeds):
        split = Split(features, groups, seed, words)
        for title, cell in progress_bar(cells, f"split {seed}", total=len(cells)):
            found.append(split.measure(title, cell))
    stem = results_folder / f"table-{table}-{DATA.replace('/', '-')}"
    write_atomic(Path(f"{stem}.csv"), as_csv(found))
    write_atomic(Path(f"{stem}.md"), as_markdown(found))
    return tuple(found)


def reproduce(table: str, data: str, *, seeds: int, results_folder: Path) -> str:
    """Measure a table of chapter 4 as `run` does, and return it as Markdown.

    Args:
        table: "table-4.1" or "4.1".
        data: house/skin_tones.
        seeds, results_folder: as `run`.

    Raises:
        UsageError: for other data.
        UnknownNameError, DataError: as `run`.
    """
    if data != DATA:
        raise UsageError(f"the tables of chapter 4 are measured on {DATA}; received {data!r}")
    return as_markdown(run(results_folder, table=table.removeprefix("table-"), seeds=seeds))


def load_features(
    names: Collection[str] = tuple(NAMES.values()),
    drawings: tuple[skin_tones.Drawing, ...] | None = None,
) -> tuple[dict[str, Floats], npt.NDArray[np.int64]]:
    """Return float32 (N, 14, D) of each feature by its short name, and the group of each image.

    Args:
        names: of the features; a network is run for all of its layers if one of them is named.
        drawings: the images; those of the groups if None.
    """
    images = drawings or skin_tones.grouped_drawings()
    fingerprint = f"{skin_tones.fingerprint(images)}:{DRAWN_AT}"
    found: dict[str, Floats] = {}
    for key, encoder in ENCODERS.items():
        wanted = {layer: NAMES[key, layer] for layer in encoder.layers if NAMES[key, layer] in names}
        if wanted:
            by_layer = patch_features(
                encoder,
                lambda number: skin_tones.draw(images[number], DRAWN_AT),
                len(images),
                fingerprint,
                label=f"{encoder.network} of {len(images)} images",
            )
            found |= {short: by_layer[layer] for layer, short in wanted.items()}
    return found, np.array([one.group for one in images])


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


def as_csv(results: Sequence[Result]) -> str:
    """Return a line a setting and split."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Result)])
    writer.writerows(astuple(one) for one in results)
    return text.getvalue()


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
            lines.append(f"| {' | '.join(key)} | {_spread(precision, 2)} | {_spread(n_s, 3)} |")
        lines.append("")
    return "\n".join(lines)


def _spread(values: Sequence[float], digits: int) -> str:
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"
