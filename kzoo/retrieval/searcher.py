"""A ScaNN searcher built from a plan: rows in, rows and scores out; it knows nothing of ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kzoo.errors import RetrievalError, UsageError
from kzoo.retrieval._scann import scann_pybind
from kzoo.retrieval.plan import Plan
from kzoo.retrieval.vector_index import Floats

_UPSERT_BATCH = 256
_FEWEST_CODED = 16  # asymmetric hashing trains 16 centres a block


class Searcher:
    """Nearest rows by dot product, or by squared Euclidean distance where the metric is "l2"."""

    def __init__(self, scann: Any, plan: Plan, metric: str) -> None:
        self._scann = scann
        self._plan = plan
        self._metric = metric

    @classmethod
    def build(cls, vectors: Floats, plan: Plan, metric: str) -> Searcher:
        """Train and fill a searcher.

        Raises:
            UsageError: if the plan does not fit the vectors.
        """
        _check_fit(plan, vectors, metric)
        pybind = scann_pybind()
        from scann import ReorderType

        dot = metric != "l2"
        builder = pybind.builder(vectors, 1, "dot_product" if dot else "squared_l2")
        if plan.leaves is not None:
            builder = builder.tree(
                plan.leaves, plan.leaves_to_search, training_sample_size=plan.training_sample
            )
        if plan.block is None:
            builder = builder.score_brute_force()
        else:
            threshold = plan.threshold if dot else float("nan")
            builder = builder.score_ah(
                plan.block,
                anisotropic_quantization_threshold=threshold,
                training_sample_size=plan.training_sample,
            ).reorder(plan.reorder, ReorderType[plan.reorder_type.upper()])
        return cls(builder.build().searcher, plan, metric)

    def search(
        self, queries: Floats, k: int, *, leaves_to_search: int | None = None, reorder: int | None = None
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return rows int64 (Q, k) and scores float32 (Q, k), nearest first.

        Leaves that hold fewer than `k` rows are not the end of a search: it is then repeated over all leaves.
        """
        plan, count = self._plan, self._scann.size()
        leaves = leaves_to_search or plan.leaves_to_search or -1
        candidates = max(reorder or plan.reorder or 0, k) if plan.block else -1
        if len(queries) == 1:
            found, near = self._scann.search(queries[0], k, candidates, leaves)
            if len(found) == k:  # nothing to widen, and that arithmetic would cost as much as the search
                rows, scores = found.astype(np.int64)[None], near[None]
                return rows, np.maximum(scores, 0) if self._metric == "l2" else scores
        rows, scores = self._ask(queries, k, candidates, leaves)
        for wider in (candidates, count):
            short = np.isnan(scores).any(axis=1)
            if not short.any():
                break
            rows[short], scores[short] = self._ask(queries[short], k, wider, plan.leaves or -1)
        if np.isnan(scores).any():
            raise RetrievalError("ScaNN found fewer rows than the index has; rebalance the index")
        return rows, np.maximum(scores, 0) if self._metric == "l2" else scores

    def _ask(
        self, queries: Floats, k: int, candidates: int, leaves: int
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        if len(queries) > 1:
            rows, scores = self._scann.search_batched(queries, k, candidates, leaves, True, _UPSERT_BATCH)
            return rows.astype(np.int64), scores.astype(np.float32)
        found, near = self._scann.search(queries[0], k, candidates, leaves)
        rows, scores = np.zeros((1, k), np.int64), np.full((1, k), np.nan, np.float32)
        rows[0, : len(found)], scores[0, : len(near)] = found, near
        return rows, scores

    def with_plan(self, plan: Plan) -> Searcher:
        """Return the same searcher with another `leaves_to_search` or `reorder`."""
        return Searcher(self._scann, plan, self._metric)

    def upsert(self, rows: Sequence[int | None], vectors: Floats) -> None:
        """Replace the vectors of `rows`, or append where a row is None."""
        self._scann.upsert(list(rows), vectors, _UPSERT_BATCH)

    def delete(self, rows: Sequence[int]) -> None:
        """Remove rows one after another; the last row fills each gap."""
        self._scann.delete(list(rows))

    def write(self, folder: Path) -> None:
        """Write ScaNN's own files into `folder`; they may be moved together."""
        folder.mkdir()
        self._scann.serialize(str(folder), True)

    @classmethod
    def read(cls, folder: Path, plan: Plan, metric: str, *, count: int) -> Searcher:
        """Read what `write` wrote.

        Raises:
            RetrievalError: if ScaNN cannot read it or finds another number of rows than `count`.
        """
        pybind = scann_pybind()
        try:
            scann = pybind.load_searcher(str(folder), assets_backcompat_shim=False).searcher
        except (OSError, ValueError, RuntimeError) as error:
            raise RetrievalError(f"ScaNN cannot read {folder}: {error}") from error
        if scann.size() != count:
            raise RetrievalError(f"ScaNN reads {scann.size()} rows from {folder}; expected {count}")
        return cls(scann, plan, metric)


def _check_fit(plan: Plan, vectors: Floats, metric: str) -> None:
    count, dimension = vectors.shape
    if plan.reorder_type == "int8" and metric == "l2":
        raise UsageError(
            "the plan rescores in int8, which ScaNN cannot update where the metric is l2; expected another"
        )
    if plan.leaves is not None and plan.leaves > count:
        raise UsageError(
            f"the plan has {plan.leaves} leaves for {count} vectors; expected no more than those"
        )
    if plan.block is not None and (plan.block > dimension or count < _FEWEST_CODED):
        raise UsageError(
            f"the plan hashes blocks of {plan.block} dimensions; expected at most {dimension}, and at least "
            f"{_FEWEST_CODED} vectors, received {count}"
        )
