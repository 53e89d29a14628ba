"""How well a network's feature serves data it was not trained on: a linear classifier, and retrieval.

Source: thesis section 2.4.3, table 2.6: a linear support vector machine on the feature that the last layer
predicts from, and ranking by its cosine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kzoo.data.data_source import DataSource
from kzoo.errors import DataError
from kzoo.evaluation.embedding import Embedder
from kzoo.evaluation.gallery import Gallery, make_gallery
from kzoo.evaluation.statistics import proportion_interval
from kzoo.metrics.retrieval import holidays_map, n_s_score

COSTS = (0.01, 0.1, 1.0, 10.0, 100.0)
FOLDS = 5

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Transfer:
    """What `transfer` measures on the test split.

    Attributes:
        model, version: what made the vectors.
        data: the source's name.
        dimensions: of a vector.
        examples: of each split.
        cost: the support vector machine's, chosen without the test split.
        selection_accuracy: of that cost, 0 to 1, on the validation split or over folds of the training split.
        accuracy, accuracy_interval: 0 to 1, with its 95 % interval.
        mean_average_precision: in percent; every test image whose class has another one queries the rest.
        n_s: images of the query's class among the first four, the query included, 0 to 4; None for fewer
            than four images.
        queries: how many.
    """

    model: str
    version: str
    data: str
    dimensions: int
    examples: Mapping[str, int]
    cost: float
    selection_accuracy: float
    accuracy: float
    accuracy_interval: tuple[float, float]
    mean_average_precision: float
    n_s: float | None
    queries: int


def transfer(source: DataSource, embedder: Embedder, *, quiet: bool = False) -> Transfer:
    """Embed the splits of a source, fit the linear classifier on "train", and measure on "test".

    The cost is chosen on "validation", on which the classifier is then fitted too, or, without such a split,
    by cross-validation on "train".

    Raises:
        DataError: if the source has no train or test split, or fewer than two classes in training.
    """
    for split in ("train", "test"):
        if split not in source.splits:
            raise DataError(f"{source.name} has no split {split!r}, only {', '.join(source.splits)}")
    names = [name for name in ("train", "validation", "test") if name in source.splits]
    galleries = {name: make_gallery(source, (name,), embedder, quiet=quiet) for name in names}
    vectors = {name: gallery.vectors for name, gallery in galleries.items()}
    labels = {name: _labels(gallery, source.classes) for name, gallery in galleries.items()}
    cost, selected = choose_cost(vectors, labels)
    together = [name for name in names if name != "test"]
    classifier = _classifier(cost).fit(
        np.concatenate([vectors[name] for name in together]),
        np.concatenate([labels[name] for name in together]),
    )
    hits = int(np.sum(classifier.predict(vectors["test"]) == labels["test"]))
    interval = proportion_interval(hits, len(labels["test"]))
    precision, score, queries = retrieval(vectors["test"], labels["test"])
    return Transfer(
        model=embedder.model,
        version=embedder.version,
        data=source.name,
        dimensions=vectors["test"].shape[1],
        examples={name: len(labels[name]) for name in names},
        cost=cost,
        selection_accuracy=selected,
        accuracy=hits / len(labels["test"]),
        accuracy_interval=(interval.low, interval.high),
        mean_average_precision=precision,
        n_s=score,
        queries=queries,
    )


def choose_cost(vectors: Mapping[str, Floats], labels: Mapping[str, Labels]) -> tuple[float, float]:
    """Return the cost of COSTS that classifies best what it was not fitted on, and its accuracy.

    Of equal ones the lowest is taken. "test" is not looked at.

    Raises:
        DataError: if the training split has fewer than two classes.
    """
    from sklearn.model_selection import cross_val_score

    classes = len(np.unique(labels["train"]))
    if classes < 2:
        raise DataError(f"a classifier needs two classes or more; the training split has {classes}")
    scores = []
    for cost in COSTS:
        if "validation" in vectors:
            fitted = _classifier(cost).fit(vectors["train"], labels["train"])
            scores.append(float(fitted.score(vectors["validation"], labels["validation"])))
        else:
            folds = min(FOLDS, len(labels["train"]))
            scores.append(
                float(
                    np.mean(cross_val_score(_classifier(cost), vectors["train"], labels["train"], cv=folds))
                )
            )
    best = int(np.argmax(scores))
    return COSTS[best], scores[best]


def retrieval(vectors: Floats, labels: Labels, of: int | None = None) -> tuple[float, float | None, int]:
    """Rank all images by cosine for each one whose class has another.

    Args:
        vectors: float (N, D), of Euclidean length 1.
        labels: int (N,).
        of: the class whose images are queries; all if left out.

    Returns:
        Mean average precision in percent, N-S from 0 to 4 (None for fewer than four images), and how many
        queries there are.

    Raises:
        DataError: if no class, or not the one, has two images.
    """
    queries = np.flatnonzero((np.bincount(labels)[labels] > 1) & ((labels == of) | (of is None)))
    if not len(queries):
        raise DataError("no class of what is searched has two images; there is nothing to retrieve")
    rankings = [np.argsort(-(vectors @ vectors[query]), kind="stable") for query in queries]
    order = [int(query) for query in queries]
    score = n_s_score(rankings, order, labels) if len(labels) >= 4 else None
    return holidays_map(rankings, order, labels), score, len(order)


def _labels(gallery: Gallery, classes: tuple[str, ...]) -> Labels:
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[one["class"]] for one in gallery.metadata], np.int64)


def _classifier(cost: float):  # type: ignore[no-untyped-def]  # scikit-learn has no types
    from sklearn.svm import LinearSVC

    return LinearSVC(C=cost, random_state=0, max_iter=10_000)
