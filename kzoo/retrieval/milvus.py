"""The same index on a Milvus server, or in a Milvus Lite file, past what one machine's memory holds.

A server's index type is SCANN. Milvus Lite 3.2 has no such type: it scans small collections whole and refuses
larger ones. In its files the type is IVF_FLAT: the same cells, without the hashing.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kzoo.errors import RetrievalError, UsageError
from kzoo.retrieval.checks import (
    checked_ids,
    checked_k,
    checked_known,
    checked_metadata,
    checked_metric,
    checked_vectors,
)
from kzoo.retrieval.folder import check_model
from kzoo.retrieval.milvus_client import (
    FACTS,
    MOST_ID_BYTES,
    Place,
    answers,
    connect,
    create_collection,
    index_params_of,
)
from kzoo.retrieval.progress import stage
from kzoo.retrieval.recall import recall_of
from kzoo.retrieval.tuning import TARGET_RECALL
from kzoo.retrieval.vector_index import Floats, Metric, Neighbours, VectorIndex

FORMAT = "kzoo-milvus-1"
IndexType = Literal["SCANN", "IVF_FLAT", "HNSW", "FLAT"]

_BYTES_A_CALL = 8 << 20
_IDS_A_CALL = 1000
_QUERIES_A_CALL = 1000
_FEWEST_A_CELL = 39  # below it faiss, under Milvus, warns that cells are badly trained
_RECALL_QUERIES, _RECALL_AT = 256, 10
_SEARCH = "kzoo.search"


class MilvusIndex(VectorIndex):
    """A collection with the fields id, vector, row and metadata; every call is one to the server.

    A neighbour's index is a number that stays with its vector: its place when the collection was built, and a
    larger one for what came later.
    """

    def __init__(self, client: Any, place: Place, facts: dict[str, Any]) -> None:
        self._client = client
        self._place = place
        self._facts = facts

    @classmethod
    def build(
        cls,
        uri: str,
        vectors: npt.ArrayLike,
        ids: Sequence[str],
        *,
        metric: Metric = "cosine",
        index_type: IndexType | None = None,
        model: str,
        model_version: str,
        metadata: Sequence[Mapping[str, Any]] | None = None,
        seed: int = 0,
        quiet: bool = True,
    ) -> MilvusIndex:
        """Make a collection, fill it, and measure its recall as `Index.build` does.

        Args:
            uri: see `Place`. A server's token is read from the environment variable MILVUS_TOKEN.
            index_type: SCANN on a server and IVF_FLAT in a file if left out.

        Raises:
            UsageError: if the URI or the gallery is not as it should be, or an id is over 512 bytes.
            RetrievalError: if the server does not answer, or has such a collection.
        """
        place = Place.parse(uri)
        checked_metric(metric)
        array = checked_vectors(vectors, metric=metric)
        names = _short_ids(checked_ids(ids, count=len(array)))
        kept = checked_metadata(metadata, len(array)) or [{} for _ in names]
        facts = {
            "format": FORMAT,
            "place": str(place),
            "model": model,
            "model_version": str(model_version),
            "metric": metric,
            "dimension": array.shape[1],
            "index_type": index_type or ("IVF_FLAT" if place.lite else "SCANN"),
            "nlist": max(1, min(round(math.sqrt(len(array))), len(array) // _FEWEST_A_CELL)),
        }
        with answers(place):
            client = connect(place)
            if client.has_collection(place.collection):
                raise RetrievalError(f"{place} exists already; nothing was written")
        index = cls(client, place, facts)
        try:
            with answers(place), stage(f"filling {place} with {len(array)} vectors", quiet):
                create_collection(client, place.collection, facts)
                index._put(names, array, range(len(names)), kept)
                client.flush(place.collection)
                index._train()
            with stage("measuring recall", quiet):
                index._remember(index._tuned(array, seed))
        except BaseException:
            client.drop_collection(place.collection)
            client.close()
            raise
        return index

    @classmethod
    def open(cls, uri: str, model: str | None = None, model_version: str | None = None) -> MilvusIndex:
        """Open a collection that `build` made.

        Raises:
            UsageError: if the URI is none.
            RetrievalError: if it cannot be reached, is not there or not ours, or is of another model.
        """
        place = Place.parse(uri)
        if place.lite and not Path(place.address_for_client).exists():
            raise RetrievalError(f"there is no Milvus Lite file {place.address}")
        with answers(place):
            client = connect(place)
            if not client.has_collection(place.collection):
                raise RetrievalError(f"{place.address} has no collection {place.collection}")
            described = client.describe_collection(place.collection)
        try:
            facts = json.loads(described["properties"][FACTS])
            facts |= json.loads(described["properties"][_SEARCH])
        except (ValueError, KeyError, TypeError) as error:
            raise RetrievalError(f"{place} was not built by kzoo: {error!r}") from error
        check_model(str(place), facts, model, model_version)
        with answers(place):
            client.load_collection(place.collection)
        return cls(client, place, facts | {"place": str(place)})

    def __len__(self) -> int:
        with answers(self._place):
            counted = self._client.query(self._place.collection, filter="", output_fields=["count(*)"])
        return int(counted[0]["count(*)"])

    def search(self, queries: npt.ArrayLike, k: int) -> Neighbours:
        """Return the `k` nearest of each query, as `VectorIndex.search` says."""
        facts = self._facts
        array = checked_vectors(queries, metric=facts["metric"], dimension=facts["dimension"], what="queries")
        checked_k(k, max(1, k))
        found = self._search(array, k, facts["nprobe"])
        short = [row for row, hits in enumerate(found) if len(hits) < k]
        if short:
            checked_k(k, len(self))
            for row, hits in zip(short, self._search(array[short], k, facts["nlist"]), strict=True):
                found[row] = hits
        if any(len(hits) < k for hits in found):
            raise RetrievalError(f"{self._place} answered with fewer than {k} neighbours; rebalance it")
        return Neighbours(
            np.array([[hit["id"] for hit in hits] for hits in found], np.str_),
            np.array([[hit["entity"]["row"] for hit in hits] for hits in found], np.int64),
            np.array([[hit["distance"] for hit in hits] for hits in found], np.float32),
        )

    def upsert(
        self,
        ids: Sequence[str],
        vectors: npt.ArrayLike,
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Add or replace vectors, as `VectorIndex.upsert` says."""
        facts = self._facts
        array = checked_vectors(vectors, metric=facts["metric"], dimension=facts["dimension"])
        names = _short_ids(checked_ids(ids, count=len(array)))
        given = checked_metadata(metadata, len(array))
        there = self._get(names, ["row", "metadata"])
        next_row = time.time_ns()
        rows = [there[one]["row"] if one in there else next_row + place for place, one in enumerate(names)]
        kept = given or [there[one]["metadata"] if one in there else {} for one in names]
        with answers(self._place):
            self._put(names, array, rows, kept)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove vectors, as `VectorIndex.delete` says."""
        names = checked_ids(ids)
        checked_known(names, self._get(names, ["row"]))
        if len(names) == len(self):
            raise UsageError(f"all {len(names)} vectors would be removed; an index keeps at least one")
        with answers(self._place):
            for start in range(0, len(names), _IDS_A_CALL):
                self._client.delete(self._place.collection, ids=names[start : start + _IDS_A_CALL])

    def rebalance(self) -> None:
        """Have the server train its index anew; the recall that was measured at build stays in `info`."""
        collection = self._place.collection
        with answers(self._place):
            self._client.flush(collection)
            self._client.release_collection(collection)
            self._client.drop_index(collection, "vector")
            self._train()

    def info(self) -> dict[str, Any]:
        """Return the collection's facts: model, metric, index type, recall at build, count, place."""
        return {**self._facts, "count": len(self)}

    def metadata_of(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the metadata of these ids, as `VectorIndex.metadata_of` says."""
        there = self._get(list(dict.fromkeys(ids)), ["metadata"])
        return [there[one]["metadata"] for one in checked_known(ids, there)]

    def close(self) -> None:
        """End the connection; a Milvus Lite file may then be opened elsewhere."""
        self._client.close()

    def _train(self) -> None:
        params = index_params_of(self._client, self._facts)
        self._client.create_index(self._place.collection, params, sync=False)
        self._client.load_collection(self._place.collection)

    def _search(self, queries: Floats, k: int, nprobe: int) -> list[Any]:
        params = {"nprobe": nprobe, "ef": max(4 * k, nprobe), "reorder_k": max(20 * k, 200)}
        found: list[Any] = []
        with answers(self._place):
            for start in range(0, len(queries), _QUERIES_A_CALL):
                part = queries[start : start + _QUERIES_A_CALL]
                found += self._client.search(
                    self._place.collection,
                    [query.tolist() for query in part],
                    limit=k,
                    output_fields=["row"],
                    search_params={"params": params},
                )
        return found

    def _get(self, ids: list[str], fields: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        with answers(self._place):
            for start in range(0, len(ids), _IDS_A_CALL):
                part = ids[start : start + _IDS_A_CALL]
                rows = self._client.get(self._place.collection, ids=part, output_fields=["id", *fields])
                found |= {row["id"]: row for row in rows}
        return found

    def _put(
        self, ids: list[str], vectors: Floats, rows: Sequence[int], metadata: list[dict[str, Any]]
    ) -> None:
        at_once = max(1, _BYTES_A_CALL // vectors[0].nbytes)
        for start in range(0, len(ids), at_once):
            part = range(start, min(start + at_once, len(ids)))
            entities = [
                {
                    "id": ids[place],
                    "vector": vectors[place].tolist(),
                    "row": rows[place],
                    "metadata": metadata[place],
                }
                for place in part
            ]
            self._client.upsert(self._place.collection, entities)

    def _tuned(self, vectors: Floats, seed: int) -> dict[str, Any]:
        """Raise nprobe until recall at 10 reaches 0.99; say what was chosen."""
        drawn = np.random.default_rng(seed).permutation(len(vectors))[:_RECALL_QUERIES].astype(np.int64)
        k, nlist = min(_RECALL_AT, len(vectors) - 1), self._facts["nlist"]
        nprobe, reached = nlist, 1.0
        for part in (32, 16, 8, 4, 2, 1) if k else ():
            nprobe = self._facts["nprobe"] = math.ceil(nlist / part)
            reached = recall_of(
                lambda queries, k: self.search(queries, k).indices,
                vectors,
                vectors[drawn],
                k=k,
                metric=self._facts["metric"],
                own_rows=drawn,
            )
            if reached >= TARGET_RECALL:
                break
        measured = {"recall": reached, "k": k, "queries": len(drawn), "held_out": False}
        return {"nprobe": nprobe, "recall": measured}

    def _remember(self, search: dict[str, Any]) -> None:
        self._facts |= search
        with answers(self._place):
            self._client.alter_collection_properties(
                self._place.collection, properties={_SEARCH: json.dumps(search)}
            )


def _short_ids(ids: list[str]) -> list[str]:
    long = [one for one in ids if len(one.encode("utf-8")) > MOST_ID_BYTES]
    if long:
        raise UsageError(f"Milvus ids have at most {MOST_ID_BYTES} bytes; {long[0]!r} has more")
    return ids
