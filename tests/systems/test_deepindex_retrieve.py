"""DeepIndex over ScaNN: the reference's ranking exactly, by word and by neighbour, one to three features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kzoo.errors import UsageError
from kzoo.metrics.retrieval import holidays_map
from kzoo.retrieval import MilvusIndex
from kzoo.systems.deepindex.codebook import Codebook
from kzoo.systems.deepindex.retrieve import DeepIndex
from kzoo.systems.deepindex.vectors import Floats, unit_length
from kzoo.systems.deepindex.voting import NeighbourVoting, WordIndex, WordVoting

IMAGES, PATCHES, DIMENSION, WORDS, EACH = 60, 14, 16, 40, 4
NAMES = ("row", "column", "third")


@pytest.fixture(scope="module")
def patches() -> dict[str, Floats]:
    """Fifteen groups of four images whose patches differ by noise."""
    generator = np.random.default_rng(0)
    groups = generator.normal(size=(IMAGES // EACH, PATCHES, DIMENSION))
    found = {}
    for name in NAMES:
        rotation = np.linalg.qr(generator.normal(size=(DIMENSION, DIMENSION)))[0]
        noise = generator.normal(0, 0.35, (IMAGES, PATCHES, DIMENSION))
        found[name] = unit_length(np.repeat(groups, EACH, axis=0) @ rotation + noise)
    return found


@pytest.fixture(scope="module")
def codebooks(patches: dict[str, Floats]) -> dict[str, Codebook]:
    return {name: Codebook.train(array.reshape(-1, DIMENSION), WORDS) for name, array in patches.items()}


@pytest.mark.parametrize("features", [1, 2, 3])
@pytest.mark.parametrize(("assignments", "alpha"), [(1, 0.0), (3, 0.0), (5, 8.0)])
def test_exact_words_in_scann_rank_as_the_reference(
    patches: dict[str, Floats],
    codebooks: dict[str, Codebook],
    features: int,
    assignments: int,
    alpha: float,
) -> None:
    chosen = {name: codebooks[name] for name in NAMES[:features]}
    reference, scann = (DeepIndex.build(patches, chosen, method=method) for method in ("reference", "words"))
    expected = reference.scores(patches, assignments=assignments, alpha=alpha)
    found = scann.scores(patches, assignments=assignments, alpha=alpha)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(
        scann.rank(patches, assignments=assignments, alpha=alpha),
        reference.rank(patches, assignments=assignments, alpha=alpha),
    )
    assert len(np.unique(expected)) > IMAGES


@pytest.mark.parametrize("method", ["words", "neighbours"])
@pytest.mark.parametrize("features", [1, 2])
def test_groups_are_found(
    patches: dict[str, Floats], codebooks: dict[str, Codebook], method: str, features: int
) -> None:
    chosen = {name: codebooks[name] for name in NAMES[:features]}
    index = DeepIndex.build(patches, chosen, method=method)
    groups = np.arange(IMAGES) // EACH
    rankings = index.rank(patches, assignments=3, alpha=4.0)
    assert holidays_map(rankings, range(IMAGES), groups) > 99


def test_neighbours_vote_by_hand() -> None:
    patches = {"one": np.array([[[1, 0], [0, 1]], [[0.8, 0.6], [0.6, 0.8]]], np.float32)}
    codebooks = {"one": Codebook(np.eye(2, dtype=np.float32))}
    index = DeepIndex.build(patches, codebooks, method="neighbours", signature_type=None)
    voting = index.voting
    assert voting.neighbours == 4
    np.testing.assert_array_equal(voting.weights, np.ones(4))
    np.testing.assert_array_equal(index.scores(patches), [[4.0, 4.0], [4.0, 4.0]])


def in_milvus(vectors: Floats, file: Path) -> MilvusIndex:
    ids = [str(number) for number in range(len(vectors))]
    made_by = {"model": "row", "model_version": "0"}
    return MilvusIndex.build(f"milvus://{file}/it", vectors, ids, metric="l2", index_type="FLAT", **made_by)


def test_words_and_patches_in_milvus_vote_as_they_do_here(
    patches: dict[str, Floats], codebooks: dict[str, Codebook], tmp_path: Path
) -> None:
    given = {name: patches[name] for name in NAMES[:2]}
    words = {
        name: WordIndex(in_milvus(codebooks[name].centres, tmp_path / f"{name}.db")) for name in NAMES[:2]
    }
    expected = WordVoting.build(given, {name: codebooks[name] for name in NAMES[:2]}).votes(given, 3)
    np.testing.assert_allclose(WordVoting.build(given, words).votes(given, 3), expected, rtol=1e-12)
    here = NeighbourVoting.build(given, {"row": codebooks["row"]}, model_version="0")
    flat = patches["row"].reshape(-1, DIMENSION)
    there = replace(here, indexes={"row": in_milvus(flat, tmp_path / "patches.db")})
    asked = {"row": patches["row"][:5]}
    np.testing.assert_allclose(there.votes(asked, 1), here.votes(asked, 1), rtol=1e-12)
    for index in (*(one.index for one in words.values()), *there.indexes.values()):
        index.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "hashing"}, "expected one of"),
        ({"codebooks": {}}, "one feature or more"),
        (
            {"patches": {"other": np.ones((2, 14, 16), np.float32)}},
            "expected the feature row; received other",
        ),
        ({"patches": {"row": np.ones((0, 14, 16), np.float32)}}, "N at least 1"),
        ({"patches": {"row": np.ones((2, 14, 8), np.float32)}}, r"expected \(N, 16\)"),
    ],
)
def test_what_cannot_be_indexed(
    patches: dict[str, Floats], codebooks: dict[str, Codebook], change: dict[str, object], message: str
) -> None:
    given = {"patches": patches, "codebooks": {"row": codebooks["row"]}, **change}
    with pytest.raises(UsageError, match=message):
        DeepIndex.build(given.pop("patches"), given.pop("codebooks"), **given)


def test_features_must_be_of_the_same_images(
    patches: dict[str, Floats], codebooks: dict[str, Codebook]
) -> None:
    fewer = {"row": patches["row"], "column": patches["column"][:3]}
    with pytest.raises(UsageError, match="same images and patches"):
        DeepIndex.build(fewer, {name: codebooks[name] for name in NAMES[:2]})


def test_signatures_are_there_when_asked_for(
    patches: dict[str, Floats], codebooks: dict[str, Codebook]
) -> None:
    index = DeepIndex.build(patches, {"row": codebooks["row"]}, signature_type=None)
    with pytest.raises(UsageError, match="without signatures"):
        index.scores(patches, alpha=1.0)
    with pytest.raises(UsageError, match="0 or more"):
        index.scores(patches, alpha=-1.0)
