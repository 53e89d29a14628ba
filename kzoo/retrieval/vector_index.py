"""What every index answers to, on this machine or on a Milvus server."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Metric = Literal["cosine", "dot", "l2"]
METRICS: tuple[Metric, ...] = ("cosine", "dot", "l2")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Neighbours:
    """The `k` nearest of each of Q queries, nearest first.

    Attributes:
        ids: str (Q, k).
        indices: int64 (Q, k), rows of the index as it is now (a deletion moves the last row into the gap); of
            a Milvus collection, numbers that stay with their vectors.
        scores: float32 (Q, k): cosine or dot product, larger is nearer; "l2" is the squared Euclidean
            distance, smaller is nearer.
    """

    ids: npt.NDArray[np.str_]
    indices: npt.NDArray[np.int64]
    scores: Floats


class VectorIndex(ABC):
    """Vectors of one model, each with a unique id and metadata, and the nearest of them to any query."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of vectors."""

    @abstractmethod
    def search(self, queries: npt.ArrayLike, k: int) -> Neighbours:
        """Return the `k` nearest vectors of each query.

        Args:
            queries: float (Q, D), Q at least 1.
            k: 1 to the number of vectors.

        Raises:
            UsageError: if the queries are not (Q, D), hold NaN or infinity, or are zero where the metric is
                cosine; or if `k` is out of its range.
        """

    @abstractmethod
    def upsert(
        self,
        ids: Sequence[str],
        vectors: npt.ArrayLike,
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Add vectors, or replace those of ids that are there already.

        Without `metadata`, ids that are there keep theirs and new ones get none. Nothing changes on an error.

        Raises:
            UsageError: if ids repeat or are empty, or vectors are not what `search` takes, one an id.
        """

    @abstractmethod
    def delete(self, ids: Sequence[str]) -> None:
        """Remove the vectors of these ids. Nothing changes on an error.

        Raises:
            UsageError: if an id is unknown or repeats, or if no vector would remain.
        """

    @abstractmethod
    def rebalance(self) -> None:
        """Train the index anew on the vectors that it has now, and measure its recall again."""

    @abstractmethod
    def info(self) -> dict[str, Any]:
        """Return what there is to know: model, model_version, metric, dimension, count, plan, recall."""

    def close(self) -> None:
        """Let go of what an open index holds, as a connection; it is not used afterwards."""
        return

    @abstractmethod
    def metadata_of(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the metadata of these ids, in their order.

        Raises:
            UsageError: if an id is unknown.
        """

    def metadata_json(self, ids: Sequence[str]) -> list[str]:
        """Return the metadata of these ids, which may repeat, each as one JSON object."""
        unique = list(dict.fromkeys(ids))
        known = dict(zip(unique, self.metadata_of(unique), strict=True))
        return [json.dumps(known[one]) for one in ids]
