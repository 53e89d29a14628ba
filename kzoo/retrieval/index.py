"""An index on this machine: ScaNN below, ids, vectors and metadata in a store of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError
from kzoo.retrieval import folder as index_folder
from kzoo.retrieval.checks import (
    checked_ids,
    checked_k,
    checked_known,
    checked_metadata,
    checked_metric,
    checked_vectors,
)
from kzoo.retrieval.plan import Plan
from kzoo.retrieval.progress import stage
from kzoo.retrieval.recall import recall_of
from kzoo.retrieval.searcher import Searcher
from kzoo.retrieval.store import Store
from kzoo.retrieval.tuning import tuned
from kzoo.retrieval.vector_index import Floats, Metric, Neighbours, VectorIndex

RECALL_AT = 10
_RECALL_QUERIES = 256


class Index(VectorIndex):
    """Nearest neighbours by ScaNN. Several threads may search; a change needs the index for itself."""

    def __init__(self, store: Store, searcher: Searcher, facts: dict[str, Any]) -> None:
        self._store = store
        self._searcher = searcher
        self._facts = facts

    @classmethod
    def build(
        cls,
        vectors: npt.ArrayLike,
        ids: Sequence[str],
        *,
        metric: Metric = "cosine",
        plan: Plan | None = None,
        model: str,
        model_version: str,
        metadata: Sequence[Mapping[str, Any]] | None = None,
        held_out: npt.ArrayLike | None = None,
        seed: int = 0,
        quiet: bool = True,
    ) -> Index:
        """Build an index and measure its recall.

        Args:
            vectors: float (N, D), N at least 1. With the cosine metric they are kept at length 1.
            ids: N unique, non-empty strings.
            plan: how to search; left out, `Plan.for_size` chooses, and leaves_to_search and reorder are then
                raised until recall at 10 reaches 0.99.
            model, model_version: of the network that made the vectors.
            metadata: N mappings that JSON can hold.
            held_out: float (H, D), queries that recall is measured with; left out, 256 vectors of the gallery
                are drawn, and each is left out of its own answer.
            seed: of that draw.
            quiet: no progress on standard error.

        Raises:
            UsageError: if an argument is not as above, or the plan does not fit the vectors.
            RetrievalError: if ScaNN is not installed.
        """
        checked_metric(metric)
        if not model or not model_version:
            raise UsageError(f"expected a model and its version; received {model!r}, {model_version!r}")
        array = checked_vectors(vectors, metric=metric)
        names = checked_ids(ids, count=len(array))
        store = Store(names, array, checked_metadata(metadata, len(array)))
        facts = {
            "model": model,
            "model_version": str(model_version),
            "metric": metric,
            "dimension": array.shape[1],
            "plan_chosen_by": "size" if plan is None else "caller",
            "seed": seed,
        }
        if held_out is not None:
            held_out = checked_vectors(held_out, metric=metric, dimension=array.shape[1], what="held_out")
        searcher, trained = _train(store, metric, plan, held_out, seed, quiet)
        return cls(store, searcher, facts | trained)

    def of_version(self, model_version: str) -> Index:
        """Return this index for another version of its model, one that makes the same vectors."""
        return Index(self._store, self._searcher, {**self._facts, "model_version": model_version})

    def __len__(self) -> int:
        return len(self._store)

    @property
    def plan(self) -> Plan:
        """How the index searches."""
        return Plan.from_json(self._facts["plan"])

    @property
    def vectors(self) -> Floats:
        """float32 (N, D), row by row; of length 1 where the metric is cosine. Not to be written to."""
        view = self._store.vectors.view()
        view.flags.writeable = False
        return view

    @property
    def ids(self) -> list[str]:
        """The id of each row."""
        return list(self._store.ids)

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        leaves_to_search: int | None = None,
        reorder: int | None = None,
    ) -> Neighbours:
        """Return the `k` nearest of each query, as `VectorIndex.search` says.

        Args:
            leaves_to_search, reorder: in place of the plan's, for this search; without effect where the plan
                has no tree or no hashing.
        """
        array = self._queries(queries)
        checked_k(k, len(self))
        rows, scores = self._searcher.search(array, k, leaves_to_search=leaves_to_search, reorder=reorder)
        return Neighbours(self._store.names_of(rows), rows, scores)

    def upsert(
        self,
        ids: Sequence[str],
        vectors: npt.ArrayLike,
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Add or replace vectors, as `VectorIndex.upsert` says; leaves and codebooks stay as trained."""
        array = self._queries(vectors, what="vectors")
        names = checked_ids(ids, count=len(array))
        rows = self._store.put(names, array, checked_metadata(metadata, len(array)))
        self._searcher.upsert(rows, array)
        self._facts["changes_since_training"] += len(names)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove vectors, as `VectorIndex.delete` says."""
        names = checked_known(checked_ids(ids), self._store.known)
        if len(names) == len(self):
            raise UsageError(f"all {len(names)} vectors would be removed; an index keeps at least one")
        rows = self._store.remove(names)
        self._searcher.delete(rows)
        self._facts["changes_since_training"] += len(names)

    def rebalance(self) -> None:
        """Train anew on the present vectors; a plan that was chosen by size is chosen again."""
        plan = None if self._facts["plan_chosen_by"] == "size" else self.plan
        metric, seed = self._facts["metric"], self._facts["seed"]
        self._searcher, trained = _train(self._store, metric, plan, None, seed, quiet=True)
        self._facts |= trained

    def info(self) -> dict[str, Any]:
        """Return the manifest's facts, among them the plan, the recall when trained, and a content hash."""
        counted = {"count": len(self), "hash": self._store.digest()}
        return {**self._facts, **counted, "plan_kind": self.plan.kind}

    def metadata_of(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the metadata of these ids, as `VectorIndex.metadata_of` says."""
        known = checked_known(ids, self._store.known)
        return [dict(self._store.metadata[self._store.known[one]]) for one in known]

    def save(self, folder: Path | str) -> None:
        """Write the index into a folder that can be moved; an index that is there is replaced whole.

        Raises:
            RetrievalError: if the folder holds something else than an index.
        """
        index_folder.write(Path(folder), self.info(), self._store, self._searcher)

    def write_searcher(self, folder: Path) -> None:
        """Write the searcher's own files, without ids, into a new folder, as ScaNN names them."""
        self._searcher.write(folder)

    @classmethod
    def load(cls, folder: Path | str, model: str | None = None, model_version: str | None = None) -> Index:
        """Open a folder that `save` wrote.

        Args:
            model, model_version: of the network whose vectors will be searched with.

        Raises:
            RetrievalError: if there is no index, a file is missing, truncated or changed, or another model or
                version made its vectors.
        """
        facts, store, searcher = index_folder.read(Path(folder), model, model_version)
        return cls(store, searcher, facts)

    def _queries(self, queries: npt.ArrayLike, what: str = "queries") -> Floats:
        facts = self._facts
        return checked_vectors(queries, metric=facts["metric"], dimension=facts["dimension"], what=what)


def _train(
    store: Store, metric: str, plan: Plan | None, held_out: Floats | None, seed: int, quiet: bool
) -> tuple[Searcher, dict[str, Any]]:
    """Build the searcher, with a plan for its size if none is given; say what it is and what it finds."""
    vectors = store.vectors
    wanted = Plan.for_size(*vectors.shape) if plan is None else plan
    with stage(f"training {wanted.kind} on {len(vectors)} vectors", quiet):
        searcher = Searcher.build(vectors, wanted, metric)
    queries, own_rows = held_out, None
    if queries is None:
        drawn = np.random.default_rng(seed).choice(
            len(vectors), min(_RECALL_QUERIES, len(vectors)), replace=False
        )
        own_rows = np.sort(drawn).astype(np.int64)
        queries = vectors[own_rows]
    k = min(RECALL_AT, len(vectors) - (held_out is None))

    def recall(tried: Plan) -> float:
        leaves, reorder = tried.leaves_to_search, tried.reorder
        return recall_of(
            lambda asked, k: searcher.search(asked, k, leaves_to_search=leaves, reorder=reorder)[0],
            vectors,
            queries,
            k=k,
            metric=metric,
            own_rows=own_rows,
        )

    with stage("measuring recall", quiet):
        if k < 1 or wanted.exact:
            reached = 1.0
        elif plan is None:
            wanted, reached = tuned(wanted, recall)
        else:
            reached = recall(wanted)
    measured = {"recall": reached, "k": k, "queries": len(queries), "held_out": held_out is not None}
    facts = {"plan": wanted.to_json(), "recall": measured, "changes_since_training": 0}
    return searcher.with_plan(wanted), facts
