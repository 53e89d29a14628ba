"""DeepIndex over ScaNN against the thesis's inverted index, in one run, over more than 100,000 patches.

The gallery is every image of house/skin_tones with distractors; codebooks and components are trained on half
of the groups, and images of the other half are the queries. Each method answers the same queries in turn, one
query a call, on one thread. Memory is what grows with the images (postings, signatures) and, apart from it,
the words, which do not. `python tools/bench/deepindex.py`
"""

from __future__ import annotations

import argparse
import csv
import io
import platform
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from kzoo.data import skin_tones
from kzoo.evaluation.deepindex_split import PAIR, SINGLE, load_features
from kzoo.files import write_atomic
from kzoo.metrics.retrieval import holidays_map, n_s_score
from kzoo.systems.deepindex.codebook import Codebook
from kzoo.systems.deepindex.retrieve import DeepIndex, Method
from kzoo.systems.deepindex.signature import SignatureType
from kzoo.systems.deepindex.vectors import Floats, PrincipalComponents
from kzoo.systems.deepindex.voting import WordVoting

WORDS, DIMENSION = 5000, 512
ASSIGNMENTS, ALPHA, SEED = 5, 8.0, 0
METHODS: tuple[tuple[str, Method, SignatureType], ...] = (
    ("reference", "reference", "float32"),
    ("ScaNN", "words", "float32"),
    ("ScaNN, compact", "words", "int8"),
)
ROUNDS = 3
KILOBYTE = 1024


@dataclass
class Measured:
    """One method with one or two features."""

    method: str
    features: str
    images: int
    patches: int
    milliseconds_median: float
    milliseconds_95: float
    mean_average_precision: float
    n_s: float
    kilobytes_an_image: float
    kilobytes_of_words_an_image: float
    versions: str
    machine: str
    commit: str


def main() -> None:
    """Measure, print, and write results/deepindex-100k.csv."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=300, help="images asked with, each a call")
    parser.add_argument("--out", type=Path, default=Path("results/deepindex-100k.csv"))
    arguments = parser.parse_args()
    measured = list(measure(arguments.queries))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(asdict(measured[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in measured)
    write_atomic(arguments.out, text.getvalue())


def measure(queries: int) -> Iterator[Measured]:
    """Yield every method over one and two features, printing each."""
    gallery, codebooks, groups, asked = prepared(queries)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    for features in (SINGLE, PAIR):
        patches = {name: gallery[name] for name in features}
        books = {name: codebooks[name] for name in features}
        indexes = {
            label: DeepIndex.build(patches, books, method=method, signature_type=kept, idf="log")
            for label, method, kept in METHODS
        }
        seconds, rankings = answered(indexes, patches, asked)
        for label, index in indexes.items():
            voting = index.voting
            if not isinstance(voting, WordVoting):
                raise TypeError(f"{label}: expected votes by word")
            kept_bytes = voting.index.nbytes + sum(one.nbytes for one in index.signatures.values())
            words = sum(book.centres.nbytes for book in books.values())
            one = Measured(
                label,
                " + ".join(features),
                len(groups),
                len(groups) * next(iter(patches.values())).shape[1],
                round(1000 * float(np.median(seconds[label])), 2),
                round(1000 * float(np.percentile(seconds[label], 95)), 2),
                round(holidays_map(rankings[label], asked, groups), 2),
                round(n_s_score(rankings[label], asked, groups), 3),
                round(kept_bytes / len(groups) / KILOBYTE, 3),
                round(words / len(groups) / KILOBYTE, 3),
                f"scann {version('scann')}, numpy {version('numpy')}, scipy {version('scipy')}",
                f"{platform.machine()}, Python {platform.python_version()}",
                commit.stdout.strip(),
            )
            print(one, flush=True)
            yield one


def answered(
    indexes: Mapping[str, DeepIndex], patches: Mapping[str, Floats], asked: list[int]
) -> tuple[dict[str, list[float]], dict[str, list[np.ndarray]]]:
    """Ask every index with each query in turn, ROUNDS times; return the best seconds, and the rankings."""
    seconds: dict[str, list[float]] = {label: [] for label in indexes}
    rankings: dict[str, list[np.ndarray]] = {label: [] for label in indexes}
    for query in asked:
        given = {name: array[query : query + 1] for name, array in patches.items()}
        best = dict.fromkeys(indexes, np.inf)
        for _ in range(ROUNDS):
            for label, index in indexes.items():
                start = time.perf_counter()
                ranking = index.rank(given, assignments=ASSIGNMENTS, alpha=ALPHA)[0]
                best[label] = min(best[label], time.perf_counter() - start)
        for label, index in indexes.items():
            ranking = index.rank(given, assignments=ASSIGNMENTS, alpha=ALPHA)[0]
            seconds[label].append(best[label])
            rankings[label].append(ranking)
    return seconds, rankings


def prepared(
    queries: int,
) -> tuple[dict[str, Floats], dict[str, Codebook], np.ndarray, list[int]]:
    """Return patches and words of each feature, the group of each image, and the images asked with."""
    grouped, groups = load_features(PAIR)
    others, _ = load_features(PAIR, skin_tones.distractor_drawings())
    training, testing = skin_tones.group_halves(int(groups.max()) + 1, SEED)
    gallery, codebooks = {}, {}
    for name in PAIR:
        flat = grouped[name][np.isin(groups, training)].reshape(-1, grouped[name].shape[-1])
        project = PrincipalComponents.fit(flat, DIMENSION, seed=SEED)
        codebooks[name] = Codebook.train(project(flat), WORDS, seed=SEED)
        gallery[name] = project(np.concatenate([grouped[name], others[name]]))
    every = np.concatenate([groups, groups.max() + 1 + np.arange(len(others[PAIR[0]]))])
    candidates = np.flatnonzero(np.isin(groups, testing))
    chosen = np.random.default_rng(SEED).choice(candidates, min(queries, len(candidates)), replace=False)
    return gallery, codebooks, every, [int(one) for one in np.sort(chosen)]


if __name__ == "__main__":
    main()
