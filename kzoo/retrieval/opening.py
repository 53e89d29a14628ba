"""Open an index by where it is."""

from __future__ import annotations

from pathlib import Path

from kzoo.errors import UsageError
from kzoo.retrieval.index import Index
from kzoo.retrieval.milvus import MilvusIndex
from kzoo.retrieval.milvus_client import SCHEME
from kzoo.retrieval.vector_index import VectorIndex


def open_index(place: str | Path, model: str | None = None, model_version: str | None = None) -> VectorIndex:
    """Open an index for vectors of `model`.

    Args:
        place: a folder that `Index.save` wrote, or the URI of a collection that `MilvusIndex.build` made:
            milvus://HOST[:PORT]/COLLECTION, or milvus://FILE.db/COLLECTION for a Milvus Lite file.
        model, model_version: of the network whose vectors will be searched with; None to open any.

    Raises:
        UsageError: if `place` is a URI of another kind.
        RetrievalError: if the index cannot be opened, or another model's vectors are in it.
    """
    if str(place).startswith(SCHEME):
        return MilvusIndex.open(str(place), model, model_version)
    if "://" in str(place):
        raise UsageError(f"{place}: expected a folder, or {SCHEME}HOST:PORT/COLLECTION")
    return Index.load(Path(place).expanduser(), model, model_version)
