"""Where a Milvus collection is, the connection to it, and how it is laid out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kzoo.errors import RetrievalError, UsageError

SCHEME = "milvus://"
LITE_SUFFIX = ".db"
_METRICS = {"cosine": "COSINE", "dot": "IP", "l2": "L2"}
MOST_ID_BYTES = 512
FACTS = "kzoo.facts"


@dataclass(frozen=True)
class Place:
    """Where a collection is: `milvus://HOST[:PORT]/COLLECTION` or `milvus://FILE.db/COLLECTION`."""

    address: str
    collection: str

    @classmethod
    def parse(cls, uri: str) -> Place:
        """Read a URI.

        Raises:
            UsageError: if it is not one of the two forms.
        """
        address, slash, collection = uri.removeprefix(SCHEME).rpartition("/")
        host = address and "/" not in address
        if not uri.startswith(SCHEME) or not slash or not collection.isidentifier():
            host = address = ""
        if not address or not (host or address.endswith(LITE_SUFFIX)):
            raise UsageError(
                f"{uri}: expected {SCHEME}HOST[:PORT]/COLLECTION or {SCHEME}FILE{LITE_SUFFIX}/COLLECTION, "
                "the collection a name of letters, digits and underscores"
            )
        return cls(address, collection)

    @property
    def lite(self) -> bool:
        """Whether it is a Milvus Lite file."""
        return self.address.endswith(LITE_SUFFIX)

    @property
    def address_for_client(self) -> str:
        """What `MilvusClient` takes."""
        return str(Path(self.address).expanduser()) if self.lite else f"http://{self.address}"

    def __str__(self) -> str:
        return f"{SCHEME}{self.address}/{self.collection}"


def connect(place: Place) -> Any:
    """Return a `MilvusClient`; a server's token is read from the environment variable MILVUS_TOKEN.

    Raises:
        RetrievalError: if pymilvus is not installed.
    """
    try:
        from pymilvus import MilvusClient
    except ModuleNotFoundError as error:
        if error.name != "pymilvus":
            raise
        raise RetrievalError(f"{place} needs pymilvus; expected `pip install kzoo[milvus]`") from error
    token = {} if place.lite else {"token": os.environ.get("MILVUS_TOKEN", "")}
    return MilvusClient(place.address_for_client, **token)


def create_collection(client: Any, collection: str, facts: dict[str, Any]) -> None:
    """Make an empty collection that remembers `facts`."""
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=MOST_ID_BYTES)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=facts["dimension"])
    schema.add_field("row", DataType.INT64)
    schema.add_field("metadata", DataType.JSON)
    client.create_collection(
        collection,
        schema=schema,
        consistency_level="Strong",
        properties={FACTS: json.dumps(facts)},
    )


def index_params_of(client: Any, facts: dict[str, Any]) -> Any:
    """Return the parameters of the index that `facts` describe."""
    params: dict[str, Any] = {"nlist": facts["nlist"]}
    if facts["index_type"] == "SCANN":
        params["with_raw_data"] = True
    if facts["index_type"] == "HNSW":
        params = {"M": 32, "efConstruction": 200}
    if Place.parse(facts["place"]).lite:
        params = {"params": params}  # the form of parameters that Milvus Lite reads
    index_params = client.prepare_index_params()
    index_params.add_index(
        "vector", index_type=facts["index_type"], metric_type=_METRICS[facts["metric"]], params=params
    )
    return index_params


@contextmanager
def answers(place: Place) -> Iterator[None]:
    """Turn what pymilvus raises into a RetrievalError that names the place."""
    try:
        from pymilvus.exceptions import MilvusException
    except ModuleNotFoundError as error:
        raise RetrievalError(f"{place} needs pymilvus; expected `pip install kzoo[milvus]`") from error
    try:
        yield
    except MilvusException as error:
        raise RetrievalError(f"{place}: {error}") from error
