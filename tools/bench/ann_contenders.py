"""The ways to search that `ann.py` compares, each with settings from fast to right."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from typing_extensions import override

K = 10
EFFORTS = (16, 18, 20, 24, 32, 64, 80, 128)  # efSearch of both kinds of HNSW


class Contender(ABC):
    """One way to search; `settings` go from fast to right."""

    settings: tuple[Any, ...] = (None,)

    @abstractmethod
    def build(self, vectors: Any) -> None:
        """Take float32 (N, D) of length 1."""

    def use(self, setting: Any) -> None:
        """Search with one of `settings` from now on."""
        return

    @abstractmethod
    def search(self, queries: Any) -> Any:
        """Return the rows (Q, 10) nearest to each query by dot product."""


class Exact(Contender):
    """A matrix product and a partial sort, by NumPy."""

    @override
    def build(self, vectors: Any) -> None:
        self.vectors = vectors

    @override
    def search(self, queries: Any) -> Any:
        import numpy as np

        found = []
        for start in range(0, len(queries), 100):
            scores = queries[start : start + 100] @ self.vectors.T
            best = np.argpartition(-scores, K, axis=1)[:, :K]
            order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
            found.append(np.take_along_axis(best, order, 1))
        return np.concatenate(found)


class Kzoo(Contender):
    """kzoo.retrieval.Index: a tree, hashing and exact scores again, with a plan's fields changed or not.

    Args:
        leaves: of the tree, as a multiple of the square root of the gallery's size.
        changes: of the plan.
    """

    def __init__(self, leaves: float = 1, **changes: Any) -> None:
        self.leaf_factor = leaves
        self.changes = changes

    @override
    def build(self, vectors: Any) -> None:
        from kzoo.retrieval import Index, Plan

        leaves = round(self.leaf_factor * len(vectors) ** 0.5)
        fields = {"leaves": leaves, "leaves_to_search": leaves // 10, "block": 4, "reorder": 100}
        plan = Plan(**(fields | self.changes))
        ids = [str(row) for row in range(len(vectors))]
        self.index = Index.build(vectors, ids, plan=plan, model="bench", model_version="1")
        few = ((64, 60), (48, 100), (32, 60), (32, 100), (32, 150), (28, 150), (24, 80), (24, 120), (24, 160))
        more = (
            (20, 80),
            (20, 120),
            (16, 60),
            (16, 90),
            (16, 120),
            (8, 120),
            (6, 160),
            (4, 120),
            (4, 200),
            (3, 800),
        )
        self.settings = tuple((max(1, round(leaves / part)), reorder) for part, reorder in few + more)

    @override
    def use(self, setting: Any) -> None:
        self.leaves, self.reorder = setting

    @override
    def search(self, queries: Any) -> Any:
        return self.index.search(queries, K, leaves_to_search=self.leaves, reorder=self.reorder).indices


class Faiss(Contender):
    """An index of faiss by its factory's words; N stands for the square root of the gallery's size."""

    index: Any  # of the class that the factory gives

    def __init__(self, words: str) -> None:
        self.words = words

    @override
    def build(self, vectors: Any) -> None:
        import faiss

        cells = round(len(vectors) ** 0.5)
        words = self.words.replace("N", str(cells), 1) if "IVF" in self.words else self.words
        self.index = faiss.index_factory(vectors.shape[1], words, faiss.METRIC_INNER_PRODUCT)
        if "HNSW" in words:
            self.index.hnsw.efConstruction = 80
            self.settings = EFFORTS
        elif "RFlat" in words:
            few = ((1 / 32, 6), (1 / 24, 4), (1 / 24, 6), (1 / 16, 6), (1 / 16, 8))
            parts = (*few, (1 / 8, 12), (1 / 8, 30), (1 / 4, 30), (1 / 4, 80))
            self.settings = tuple((max(1, round(cells * part)), factor) for part, factor in parts)
        elif "IVF" in words:
            self.settings = tuple(max(1, round(cells / part)) for part in (64, 32, 16, 8, 4))
        if not self.index.is_trained:
            self.index.train(vectors[:100_000])
        self.index.add(vectors)

    @override
    def use(self, setting: Any) -> None:
        import faiss

        if "HNSW" in self.words:
            self.index.hnsw.efSearch = setting
        elif "RFlat" in self.words:
            inverted: Any = faiss.downcast_index(self.index.base_index)
            inverted.nprobe, self.index.k_factor = setting
        elif "IVF" in self.words:
            self.index.nprobe = setting

    @override
    def search(self, queries: Any) -> Any:
        return self.index.search(queries, K)[1]


class Hnswlib(Contender):
    """The authors' own HNSW."""

    settings = EFFORTS

    @override
    def build(self, vectors: Any) -> None:
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self.index.init_index(max_elements=len(vectors), ef_construction=80, M=32)
        self.index.add_items(vectors, num_threads=1)

    @override
    def use(self, setting: Any) -> None:
        self.index.set_ef(setting)

    @override
    def search(self, queries: Any) -> Any:
        return self.index.knn_query(queries, k=K, num_threads=1)[0]


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "exact": Exact,
    "kzoo": Kzoo,
    "kzoo, finer hashes": lambda: Kzoo(block=2),
    "kzoo, more leaves": lambda: Kzoo(leaves=2.5),
    "faiss flat": lambda: Faiss("Flat"),
    "faiss IVF": lambda: Faiss("IVFN,Flat"),
    "faiss IVF, fast-scan PQ": lambda: Faiss("IVFN,PQ256x4fs,RFlat"),
    "faiss HNSW": lambda: Faiss("HNSW32,Flat"),
    "hnswlib": Hnswlib,
}
