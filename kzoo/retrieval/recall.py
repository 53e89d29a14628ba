"""How many of the true nearest neighbours a search finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from kzoo.retrieval.vector_index import Floats

Rows = npt.NDArray[np.int64]
_QUERIES_AT_ONCE = 32
_ROUNDING = 1e-5


def exact_scores(queries: Floats, vectors: Floats, metric: str) -> Floats:
    """Return float32 (Q, N): dot products, or squared Euclidean distances where the metric is "l2"."""
    products = queries @ vectors.T
    if metric != "l2":
        return products
    squares = np.einsum("nd,nd->n", vectors, vectors)
    own = np.einsum("qd,qd->q", queries, queries)
    return np.maximum(own[:, None] + squares[None, :] - 2 * products, 0)


def recall_of(
    search: Callable[[Floats, int], Rows],
    vectors: Floats,
    queries: Floats,
    *,
    k: int,
    metric: str,
    own_rows: Rows | None = None,
) -> float:
    """Return the mean part of the `k` true nearest that `search` finds, 0 to 1.

    A row as near as the k-th true one counts as found, whichever of equals that is.

    Args:
        search: queries (Q, D) and k to rows (Q, k).
        vectors: float32 (N, D), what is searched.
        queries: float32 (Q, D).
        own_rows: int64 (Q,) where the queries are rows of the index: each is left out of its own answer.
    """
    found = search(queries, k if own_rows is None else k + 1)
    hits = 0
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        part = slice(start, start + _QUERIES_AT_ONCE)
        scores = exact_scores(queries[part], vectors, metric)
        if metric == "l2":
            scores = -scores
        own = None if own_rows is None else own_rows[part]
        if own is not None:
            scores[np.arange(len(own)), own] = -np.inf
        nearest = np.partition(scores, -k, axis=1)[:, -k]
        answers = np.take_along_axis(scores, found[part], axis=1)
        good = answers >= (nearest - _ROUNDING * np.maximum(1, np.abs(nearest)))[:, None]
        hits += int(np.minimum(good.sum(axis=1), k).sum())
    return hits / (len(queries) * k)
