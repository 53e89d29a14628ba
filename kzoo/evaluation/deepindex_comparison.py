"""Tables 4.3 and 4.4 on the groups of skin tones: DeepIndex beside other kinds of method, and what it costs.

The thesis sets its numbers beside those that other papers print. Here every method is measured on the same
images, features and splits, at settings that are fixed before: those of table 4.2 with PCA to 512 dimensions,
multiple assignment 5 and signatures with alpha 8. Both features are of EfficientNet-Lite0, whose patches are
made in minutes, so 2-D is what the thesis calls intra-CNN.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data import skin_tones
from kzoo.data.progress import progress_bar
from kzoo.evaluation import deepindex_rivals as rivals
from kzoo.evaluation.deepindex_split import (
    DATA,
    DRAWN_AT,
    FIXED_ALPHA,
    FIXED_ASSIGNMENTS,
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
from kzoo.systems.deepindex.inverted import INVERSE_FREQUENCIES
from kzoo.systems.deepindex.retrieve import DeepIndex, Method
from kzoo.systems.deepindex.signature import Signatures, SignatureType
from kzoo.systems.deepindex.vectors import Floats
from kzoo.systems.deepindex.voting import WordVoting

DIMENSION = 512
INTRA = ("lite0 mid", "lite0 top")
TIMED_QUERIES, ROUNDS = 100, 3
KILOBYTE = 1024

Score = Callable[[slice], Any]
"""From the queries to their scores for the gallery, (Q, N), higher is more alike."""


@dataclass(frozen=True)
class Compared:
    """A method of table 4.3 on one split: mean_average_precision in percent, n_s from 0 to 4."""

    group: str
    method: str
    stands_for: str
    seed: int
    mean_average_precision: float
    n_s: float


@dataclass(frozen=True)
class Cost:
    """A method of table 4.4 on one split; kilobytes an image, milliseconds a query without the features."""

    method: str
    features: str
    seed: int
    images: int
    words_kilobytes: float
    signature_kilobytes: float
    total_kilobytes: float
    milliseconds_median: float
    milliseconds_95: float
    mean_average_precision: float
    n_s: float


@dataclass(frozen=True)
class Images:
    """What the methods are given: features of patches, SIFT descriptors, colours and group of each image."""

    features: Mapping[str, Floats]
    descriptors: Sequence[Floats]
    colours: Floats
    groups: Any

    @classmethod
    def load(cls) -> Images:
        """Draw and describe every image of the groups.

        Raises:
            DataError: if a package that brings drawings or weights is not installed.
        """
        features, groups = load_features(INTRA)
        drawings = skin_tones.grouped_drawings()
        descriptors, colours = [], []
        for one in progress_bar(drawings, "colours and SIFT", total=len(drawings)):
            image = skin_tones.draw(one, DRAWN_AT)
            descriptors.append(rivals.root_sift(image))
            colours.append(rivals.colour_histograms([image])[0])
        return cls(features, descriptors, np.stack(colours), groups)


def run_table_3(results_folder: Path, seeds: int) -> str:
    """Measure table 4.3, write results/table-4.3-house-skin_tones.csv and .md, and return the latter."""
    images = Images.load()
    found: list[Compared] = []
    for seed in range(seeds):
        split = Split(images.features, images.groups, seed, WORDS)
        for group, method, stands_for, scores in methods(split, images):
            precision, n_s = quality(scores, split)
            found.append(Compared(group, method, stands_for, seed, precision, n_s))
    keys = [(one.group, one.method, one.stands_for) for one in found]
    return _write("4.3", results_folder, found, ("group", "method", "stands for"), keys, _QUALITY)


def run_table_4(results_folder: Path, seeds: int) -> str:
    """Measure table 4.4, write results/table-4.4-house-skin_tones.csv and .md, and return the latter."""
    images = Images.load()
    found: list[Cost] = []
    for seed in range(seeds):
        found += costs(Split(images.features, images.groups, seed, WORDS), images)
    keys = [(one.method, one.features) for one in found]
    return _write("4.4", results_folder, found, ("method", "features"), keys, _COST)


def methods(split: Split, images: Images) -> Iterator[tuple[str, str, str, Score]]:
    """Yield group, method, what it stands for and scores of each line of table 4.3."""
    colours = images.colours[split.rows["gallery"]]
    yield "non-CNN", "colour histograms", "[41]", lambda asked: colours[asked] @ colours.T
    descriptors, plain = _sift(split, images)
    yield "non-CNN", "SIFT words, tf-idf", "[170]", lambda asked: plain.scores(descriptors[asked])
    whole = split.prepared(SINGLE[0], DIMENSION)[0]
    yield "CNN", "vector of the whole image", "[45]", lambda asked: whole[asked, 0] @ whole[:, 0].T
    yield "CNN", "patch against patch", "[6]", lambda asked: rivals.patch_to_patch(whole, whole[asked])
    for idf in INVERSE_FREQUENCIES:
        for features, dimensions in ((SINGLE, "1-D"), (INTRA, "2-D")):
            patches, books = _prepared(split, features)
            index = DeepIndex.build(patches, books, idf=idf)
            yield "CNN", f"{dimensions} DPI, idf {idf}", "ours", partial(_scores, index, patches)
    signed = replace(plain, signatures=Signatures(whole[:, 0]))
    yield (
        "SIFT-CNN",
        "SIFT words with signatures",
        "[46]",
        lambda asked: signed.scores(descriptors[asked], whole[asked, 0], FIXED_ALPHA),
    )


def costs(split: Split, images: Images) -> Iterator[Cost]:
    """Yield each line of table 4.4; the methods answer the same queries in turn, one a call."""
    whole = split.prepared(SINGLE[0], DIMENSION)[0]
    descriptors, plain = _sift(split, images)
    signed = replace(plain, signatures=Signatures(whole[:, 0]))
    named: dict[tuple[str, str], tuple[Score, int, int]] = {
        ("SIFT words with signatures", SINGLE[0]): (
            lambda asked: signed.scores(descriptors[asked], whole[asked, 0], FIXED_ALPHA),
            signed.word_bytes,
            signed.signatures.nbytes if signed.signatures else 0,
        )
    }
    kinds: tuple[tuple[str, Method, SignatureType], ...] = (
        ("the thesis's inverted index", "reference", "float32"),
        ("ScaNN", "words", "float32"),
        ("ScaNN, compact", "words", "int8"),
    )
    for features, dimensions in ((SINGLE, "1-D"), (INTRA, "2-D")):
        patches, books = _prepared(split, features)
        for label, method, kept in kinds:
            index = DeepIndex.build(patches, books, method=method, signature_type=kept, idf="log")
            if not isinstance(index.voting, WordVoting):
                raise TypeError(f"{label}: expected votes by word")
            words = index.voting.index.nbytes
            signatures = sum(one.nbytes for one in index.signatures.values())
            name = f"{dimensions} DPI, {label}", " + ".join(features)
            named[name] = partial(_scores, index, patches), words, signatures
    milliseconds = timed({name: scores for name, (scores, _, _) in named.items()}, split)
    count = len(split.groups)
    for (method_name, features_name), (scores, words, signatures) in named.items():
        took = milliseconds[method_name, features_name]
        yield Cost(
            method_name,
            features_name,
            split.seed,
            count,
            words / count / KILOBYTE,
            signatures / count / KILOBYTE,
            (words + signatures) / count / KILOBYTE,
            float(np.median(took)),
            float(np.percentile(took, 95)),
            *quality(scores, split),
        )


def timed(named: Mapping[Any, Score], split: Split) -> dict[Any, list[float]]:
    """Return the milliseconds of each query of each method, the best of some rounds in turn."""
    random = np.random.default_rng(split.seed)
    count = len(split.groups)
    took: dict[Any, list[float]] = {name: [] for name in named}
    for query in random.choice(count, min(TIMED_QUERIES, count), replace=False):
        best = dict.fromkeys(named, np.inf)
        for _ in range(ROUNDS):
            for name, scores in named.items():
                start = time.perf_counter()
                np.argsort(-scores(slice(query, query + 1)), axis=1, kind="stable")
                best[name] = min(best[name], 1000 * (time.perf_counter() - start))
        for name, milliseconds in best.items():
            took[name].append(float(milliseconds))
    return took


def quality(scores: Score, split: Split) -> tuple[float, float]:
    """Query with every image of the gallery; return mean average precision in percent, and N-S."""
    count = len(split.groups)
    parts = [
        np.argsort(-scores(slice(start, min(start + QUERIES_AT_ONCE, count))), axis=1, kind="stable")
        for start in range(0, count, QUERIES_AT_ONCE)
    ]
    rankings, queries = list(np.concatenate(parts)), range(count)
    return holidays_map(rankings, queries, split.groups), n_s_score(rankings, queries, split.groups)


def _prepared(split: Split, features: Sequence[str]) -> tuple[dict[str, Floats], dict[str, Any]]:
    found = {name: split.prepared(name, DIMENSION) for name in features}
    return {name: one for name, (one, _) in found.items()}, {name: book for name, (_, book) in found.items()}


def _scores(index: DeepIndex, patches: Mapping[str, Floats], asked: slice) -> Any:
    given = {name: array[asked] for name, array in patches.items()}
    return index.scores(given, assignments=FIXED_ASSIGNMENTS, alpha=FIXED_ALPHA)


def _sift(split: Split, images: Images) -> tuple[list[Floats], rivals.SiftWords]:
    """Return the gallery's descriptors, and an index of them by words of the other half."""
    halves = {name: np.flatnonzero(rows).tolist() for name, rows in split.rows.items()}
    training, gallery = (
        [images.descriptors[row] for row in halves[name]] for name in ("training", "gallery")
    )
    words = rivals.train_words(training, split.words, split.seed)
    return gallery, rivals.SiftWords.build(words, gallery)


_QUALITY = {"mAP %": ("mean_average_precision", 2), "N-S": ("n_s", 3)}
_COST = {
    "KB of words": ("words_kilobytes", 3),
    "KB of signatures": ("signature_kilobytes", 3),
    "KB an image": ("total_kilobytes", 3),
    "ms, median": ("milliseconds_median", 2),
    "ms, 95 %": ("milliseconds_95", 2),
    **_QUALITY,
}


def _write(
    table: str,
    folder: Path,
    found: Sequence[Any],
    names: tuple[str, ...],
    keys: Sequence[tuple[str, ...]],
    columns: Mapping[str, tuple[str, int]],
) -> str:
    """Write a line a result as CSV, and a line a method with its spread over the splits as Markdown."""
    runs: dict[tuple[str, ...], list[Any]] = {}
    for key, one in zip(keys, found, strict=True):
        runs.setdefault(key, []).append(one)
    lines = [f"# Table {table} on {DATA}", "", f"| {' | '.join((*names, *columns))} |"]
    lines.append("|---" * (len(names) + len(columns)) + "|")
    for key, own in runs.items():
        values = [spread([getattr(one, field) for one in own], digits) for field, digits in columns.values()]
        lines.append(f"| {' | '.join((*key, *values))} |")
    text = "\n".join(lines) + "\n"
    stem = folder / f"table-{table}-{DATA.replace('/', '-')}"
    write_atomic(Path(f"{stem}.csv"), as_csv(found))
    write_atomic(Path(f"{stem}.md"), text)
    return text
