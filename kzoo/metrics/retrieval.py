"""Image retrieval: mean average precision by the protocols of Holidays and of Oxford and Paris, and N-S."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError

Ranking = npt.NDArray[np.int64] | Sequence[int]
N_S_DEPTH = 4


def average_precision(positions: npt.ArrayLike, positives: int) -> float:
    """Return the area under precision over recall by the trapezoidal rule, 0 to 1.

    It is what the programs of Holidays (holidays_map.py) and Oxford (compute_ap.cpp) compute: between two
    recalls, precision is the mean of that before and that after the positive.

    Args:
        positions: int (F,), of the positives that were found, from 0, in any order.
        positives: all there are, found or not.

    Raises:
        UsageError: if there is no positive, or more were found than there are.
    """
    ranks = np.sort(np.asarray(positions, np.int64))
    if not positives >= max(1, len(ranks)):
        raise UsageError(f"{len(ranks)} positives were found of {positives}; expected 1 or more in all")
    found = np.arange(len(ranks))
    before = np.divide(found, ranks, out=np.ones(len(ranks)), where=ranks > 0)
    after = (found + 1) / (ranks + 1)
    return float(((before + after) / 2).sum() / positives)


def holidays_map(rankings: Sequence[Ranking], queries: Sequence[int], groups: npt.ArrayLike) -> float:
    """Return the mean average precision in percent, as Holidays is measured.

    The images of the query's group are the positives; the query is left out of its own list.

    Args:
        rankings: of each query, the images from the best on; whole or cut off.
        queries: the image that each query is.
        groups: int (N,), of each image.

    Raises:
        UsageError: if a query has no other image in its group, a ranking names an image twice or one that is
            not there, or lengths do not fit.
    """
    labels = np.asarray(groups)
    values = []
    for ranking, query in _pairs(rankings, queries, len(labels)):
        others = ranking[ranking != query]
        positives = int(np.sum(labels == labels[query])) - 1
        values.append(average_precision(np.flatnonzero(labels[others] == labels[query]), positives))
    return 100 * float(np.mean(values))


def oxford_map(
    rankings: Sequence[Ranking],
    good: Sequence[Collection[int]],
    ok: Sequence[Collection[int]],
    junk: Sequence[Collection[int]],
) -> float:
    """Return the mean average precision in percent, as Oxford and Paris are measured.

    Good and ok images are the positives; junk is taken out of the ranking; all others are negatives.

    Args:
        rankings: of each query, the images from the best on; whole or cut off.
        good, ok, junk: of each query, the images so labelled.

    Raises:
        UsageError: if a query has neither good nor ok images, or the lengths differ.
    """
    if not len(rankings) == len(good) == len(ok) == len(junk) or not len(rankings):
        raise UsageError(
            "expected as many sets of good, ok and junk images as rankings, and one or more; received "
            f"{len(good)}, {len(ok)}, {len(junk)} for {len(rankings)}"
        )
    values = []
    for ranking, well, fairly, ignored in zip(rankings, good, ok, junk, strict=True):
        images = np.asarray(ranking, np.int64)
        left = images[~np.isin(images, list(ignored))]
        positives = set(well) | set(fairly)
        values.append(average_precision(np.flatnonzero(np.isin(left, list(positives))), len(positives)))
    return 100 * float(np.mean(values))


def n_s_score(rankings: Sequence[Ranking], queries: Sequence[int], groups: npt.ArrayLike) -> float:
    """Return the mean number of images of the query's group among the first four, 0 to 4.

    The query stays in its list, as UKBench is measured (Nister and Stewenius 2006).

    Args:
        rankings, queries, groups: as `holidays_map`.

    Raises:
        UsageError: if a ranking is shorter than four, or as `holidays_map`.
    """
    labels = np.asarray(groups)
    found = []
    for ranking, query in _pairs(rankings, queries, len(labels)):
        if len(ranking) < N_S_DEPTH:
            raise UsageError(
                f"N-S looks at the first {N_S_DEPTH} images; received a ranking of {len(ranking)}"
            )
        found.append(int(np.sum(labels[ranking[:N_S_DEPTH]] == labels[query])))
    return float(np.mean(found))


def _pairs(
    rankings: Sequence[Ranking], queries: Sequence[int], images: int
) -> list[tuple[npt.NDArray[np.int64], int]]:
    if len(rankings) != len(queries) or not len(queries):
        raise UsageError(f"expected a ranking a query, one or more; received {len(rankings)}, {len(queries)}")
    found = []
    for ranking, query in zip(rankings, queries, strict=True):
        array = np.asarray(ranking, np.int64)
        outside = array[(array < 0) | (array >= images)]
        if outside.size or len(np.unique(array)) != len(array):
            raise UsageError(f"the ranking of image {query} names an image twice, or one beyond {images}")
        found.append((array, int(query)))
    return found
