"""The same index in a Milvus Lite file: what it answers is what the local exact index answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kzoo.errors import RetrievalError, UsageError
from kzoo.retrieval import Index, MilvusIndex, open_index
from kzoo.retrieval.milvus_client import Place

MADE_BY = {"model": "cfn_a", "model_version": "3"}
VECTORS = np.random.default_rng(2).standard_normal((400, 24)).astype("f4")
NAMES = [f"v{row}" for row in range(400)]
METADATA = [{"row": row} for row in range(400)]


@pytest.mark.parametrize(
    ("metric", "index_type"),
    [("cosine", "IVF_FLAT"), ("dot", "IVF_FLAT"), ("l2", "IVF_FLAT"), ("dot", "HNSW"), ("l2", "FLAT")],
)
def test_collection_answers_as_the_local_index_does(metric: str, index_type: str, tmp_path: Path) -> None:
    uri = f"milvus://{tmp_path}/gallery.db/emoji"
    common = {"metric": metric, "metadata": METADATA, **MADE_BY}
    local = Index.build(VECTORS, NAMES, **common)
    built = MilvusIndex.build(uri, VECTORS, NAMES, index_type=index_type, **common)
    built.close()
    remote = open_index(uri, "cfn_a", "3")
    changes = VECTORS[:3] + 0.5
    for index in (local, remote):
        index.upsert(["new", "v4", "newer"], changes)
        index.delete(["v0", "v9"])
    for _ in range(2):
        wanted, found = local.search(VECTORS[:20], 5), remote.search(VECTORS[:20], 5)
        np.testing.assert_allclose(found.scores, wanted.scores, rtol=2e-4, atol=2e-5)
        assert found.ids.tolist() == wanted.ids.tolist()
        assert (found.indices.dtype, found.scores.dtype) == (np.int64, np.float32)
        remote.rebalance()
    assert len(remote) == len(local) == 400
    assert remote.metadata_of(["v4", "new", "v4"]) == [{"row": 4}, {}, {"row": 4}]
    assert set(remote.search(VECTORS[:1], 400).ids[0]) == set(local.ids)
    facts = remote.info()
    assert (facts["model"], facts["index_type"], facts["count"]) == ("cfn_a", index_type, 400)
    assert facts["recall"]["recall"] >= 0.99
    remote.close()


def test_bad_input_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    uri = f"milvus://{tmp_path}/gallery.db/emoji"
    with pytest.raises(RetrievalError, match="no Milvus Lite file"):
        open_index(uri)
    for vectors, ids, message in (
        (VECTORS[:0], [], r"shape \(0, 24\)"),
        (VECTORS[:2], ["a", "a"], "more than once"),
        (VECTORS[:2] * [[0], [1]], ["a", "b"], "rows 0 are zero"),
    ):
        with pytest.raises(UsageError, match=message):
            MilvusIndex.build(uri, vectors, ids, **MADE_BY)
    assert not list(tmp_path.iterdir())
    index = MilvusIndex.build(uri, VECTORS, NAMES, **MADE_BY)
    for bad, message in (
        (lambda: index.search(VECTORS[:1], 401), "k is 401; expected 1 to 400"),
        (lambda: index.search(VECTORS[:1], 0), "k is 0"),
        (lambda: index.search(VECTORS[:, :2], 1), r"expected \(N, 24\)"),
        (lambda: index.search(VECTORS[:1] * np.nan, 1), "NaN"),
        (lambda: index.search(VECTORS[:1] * 0, 1), "are zero"),
        (lambda: index.upsert(["a"], VECTORS[:1] * 0), "are zero"),
        (lambda: index.upsert(["a", "a"], VECTORS[:2]), "more than once"),
        (lambda: index.upsert(["a" * 513], VECTORS[:1]), "at most 512 bytes"),
        (lambda: index.delete(["v1", "nobody"]), "'nobody'"),
        (lambda: index.delete(NAMES), "at least one"),
        (lambda: index.metadata_of(["nobody"]), "'nobody'"),
    ):
        with pytest.raises(UsageError, match=message):
            bad()
    assert len(index) == 400
    with pytest.raises(RetrievalError, match="exists already"):
        MilvusIndex.build(uri, VECTORS, NAMES, **MADE_BY)
    index.close()
    with pytest.raises(RetrievalError, match="expected model 'cfn_b'"):
        open_index(uri, "cfn_b")
    with pytest.raises(RetrievalError, match="no collection other"):
        open_index(uri.replace("emoji", "other"))


@pytest.mark.parametrize(
    ("uri", "address", "lite"),
    [
        ("milvus://search.example:19530/faces", "search.example:19530", False),
        ("milvus://gallery.db/faces", "gallery.db", True),
        ("milvus:///data/gallery.db/faces", "/data/gallery.db", True),
    ],
)
def test_places_are_read(uri: str, address: str, lite: bool) -> None:
    place = Place.parse(uri)
    assert (place.address, place.lite, place.collection, str(place)) == (address, lite, "faces", uri)


@pytest.mark.parametrize("uri", ["milvus://host", "milvus://host/", "milvus:///folder/x", "milvus://h/a-b"])
def test_other_places_are_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="expected milvus://"):
        open_index(uri)
    with pytest.raises(UsageError, match="expected a folder"):
        open_index("http://host/x")
