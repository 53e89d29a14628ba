"""The index: exact where it says so, whole or absent on disk, unharmed by bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kzoo.errors import RetrievalError, UsageError
from kzoo.retrieval import Index, Plan, open_index

MADE_BY = {"model": "cfn_a", "model_version": "3"}
AXES = np.array([[2, 0, 0], [0, 3, 0], [0, 0, 4], [1, 1, 0]], np.float32)
NAMES = ["x", "y", "z", "xy"]
PLANS = {
    "exact": Plan(),
    "hashing": Plan(block=2, reorder=60),
    "tree": Plan(leaves=20, leaves_to_search=10, block=2, reorder=60),
    "tree-exact": Plan(leaves=20, leaves_to_search=20),
}


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((30, 16))
    return (centres[generator.integers(0, 30, 600)] + 0.3 * generator.standard_normal((600, 16))).astype("f4")


def names(vectors: np.ndarray) -> list[str]:
    return [f"v{row}" for row in range(len(vectors))]


@pytest.mark.parametrize(
    ("metric", "ids", "scores"),
    [
        ("cosine", ["x", "xy", "y"], [1.0, 0.70710678, 0.0]),
        ("dot", ["x", "xy", "y"], [10.0, 5.0, 0.0]),
        ("l2", ["x", "xy", "y"], [9.0, 17.0, 34.0]),
    ],
)
def test_scores_are_those_of_the_metric(metric: str, ids: list[str], scores: list[float]) -> None:
    index = Index.build(AXES, NAMES, metric=metric, **MADE_BY)
    found = index.search([[5, 0, 0]], 3)
    assert found.ids[0, :2].tolist() == ids[:2]
    np.testing.assert_allclose(found.scores[0], scores, rtol=1e-6)
    assert (found.indices.dtype, found.scores.dtype) == (np.int64, np.float32)
    assert [NAMES[row] for row in found.indices[0]] == found.ids[0].tolist()


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_plan_finds_upserts_deletes_and_survives_saving(
    plan: Plan, cloud: np.ndarray, tmp_path: Path
) -> None:
    index = Index.build(cloud[:500], names(cloud)[:500], plan=plan, **MADE_BY)
    index.upsert(names(cloud)[500:], cloud[500:])
    index.upsert(["v7"], cloud[8:9] * 3)
    index.delete(["v8", "v599", "v0"])
    index.save(tmp_path / "gallery")
    (tmp_path / "gallery").rename(tmp_path / "moved")
    loaded = open_index(tmp_path / "moved", **MADE_BY)
    for one in (index, loaded):
        assert one.search(cloud[8:9], 1).ids[0, 0] == "v7"
        assert one.search(cloud[[550, 20]], 1).ids[:, 0].tolist() == ["v550", "v20"]
        assert len(one) == 597
        assert set(one.search(cloud[:1], 597).ids[0]) == set(names(cloud)) - {"v8", "v599", "v0"}
    assert loaded.info() == index.info()
    assert index.info()["changes_since_training"] == 104
    loaded.upsert(["new"], cloud[8:9] * 2)
    loaded.rebalance()
    assert set(loaded.search(cloud[8:9], 2).ids[0]) == {"new", "v7"}
    assert loaded.info()["changes_since_training"] == 0


def test_saving_again_replaces_the_index_and_leaves_nothing_else(tmp_path: Path) -> None:
    index = Index.build(AXES, NAMES, **MADE_BY, metadata=[{"place": row} for row in range(4)])
    index.save(tmp_path / "gallery")
    index.delete(["y"])
    index.save(tmp_path / "gallery")
    assert len(list((tmp_path / "gallery").iterdir())) == 2
    loaded = Index.load(tmp_path / "gallery")
    assert loaded.ids == ["x", "xy", "z"]
    assert loaded.metadata_of(["z", "x"]) == [{"place": 2}, {"place": 0}]
    loaded.upsert(["x"], [[1, 0, 0]])
    loaded.upsert(["w"], [[1, 0, 1]])
    assert loaded.metadata_of(["x", "w"]) == [{"place": 0}, {}]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("kept")
    with pytest.raises(RetrievalError, match="is no index"):
        Index.build(AXES, NAMES, **MADE_BY).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(
    ("vectors", "ids", "message"),
    [
        (np.zeros((0, 3)), [], r"shape \(0, 3\)"),
        (AXES, ["x", "y", "x", "xy"], "more than once: 'x'"),
        (AXES, ["x", "y", "z"], "3 ids for 4 vectors"),
        (AXES, ["x", "", "z", "w"], "non-empty strings"),
        (AXES * [1, np.nan, 1], NAMES, "rows 0, 1, 2 and 1 more hold NaN"),
        (AXES * [0, 1, 1], NAMES, "rows 0 are zero"),
        (AXES[0], ["x"], r"shape \(3,\)"),
        (np.full((1, 3), 1e300), ["x"], "NaN or infinity"),
    ],
)
def test_bad_galleries_are_refused_by_name(vectors: np.ndarray, ids: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Index.build(vectors, ids, **MADE_BY)


def test_bad_queries_and_changes_are_refused_and_change_nothing() -> None:
    index = Index.build(AXES, NAMES, **MADE_BY)
    before = index.info()
    for bad, message in (
        (lambda: index.search(AXES, 5), "k is 5; expected 1 to 4"),
        (lambda: index.search(AXES[:, :2], 1), r"expected \(N, 3\)"),
        (lambda: index.search(AXES * np.nan, 1), "NaN"),
        (lambda: index.upsert(["a", "a"], AXES[:2]), "more than once"),
        (lambda: index.upsert(["a"], AXES[:2]), "1 ids for 2 vectors"),
        (lambda: index.upsert(["a"], np.ones((1, 4))), r"shape \(1, 4\)"),
        (lambda: index.upsert(["a"], AXES[:1], [{"score": float("nan")}]), "JSON"),
        (lambda: index.delete(["x", "nobody"]), "'nobody'"),
        (lambda: index.delete(["x", "x"]), "more than once"),
        (lambda: index.delete(NAMES), "at least one"),
        (lambda: index.metadata_of(["nobody"]), "'nobody'"),
    ):
        with pytest.raises(UsageError, match=message):
            bad()
    assert index.info() == before


def test_another_models_index_and_damaged_folders_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "gallery"
    Index.build(AXES, NAMES, **MADE_BY).save(folder)
    with pytest.raises(RetrievalError, match="made by cfn_a version 3; expected model 'cfn_b'"):
        Index.load(folder, model="cfn_b")
    with pytest.raises(RetrievalError, match="expected model_version '4'"):
        Index.load(folder, model="cfn_a", model_version="4")
    manifest = json.loads((folder / "manifest.json").read_text())
    vectors = folder / manifest["state"] / "vectors.npy"
    whole = vectors.read_bytes()
    vectors.write_bytes(whole[:-1])
    with pytest.raises(RetrievalError, match=r"damaged: .*vectors\.npy"):
        Index.load(folder)
    vectors.unlink()
    with pytest.raises(RetrievalError, match=r"vectors\.npy is missing"):
        Index.load(folder)
    vectors.write_bytes(whole)
    rows = folder / manifest["state"] / "rows.jsonl"
    rows.write_bytes(rows.read_bytes()[:-9])
    with pytest.raises(RetrievalError, match=r"damaged: .*rows\.jsonl"):
        Index.load(folder)
    (folder / "manifest.json").write_text(json.dumps({**manifest, "count": 5}))
    rows.unlink()
    with pytest.raises(RetrievalError, match=r"rows\.jsonl is missing"):
        Index.load(folder)
    del manifest["plan"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RetrievalError, match="lacks plan"):
        Index.load(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(RetrievalError, match="cannot be read"):
        Index.load(folder)
    with pytest.raises(RetrievalError, match="no index"):
        Index.load(tmp_path / "absent")


def test_recall_is_measured_and_a_chosen_plan_is_tuned(cloud: np.ndarray) -> None:
    coarse = Plan(leaves=20, leaves_to_search=1, block=8, reorder=10)
    measured = Index.build(cloud, names(cloud), plan=coarse, **MADE_BY).info()["recall"]
    assert measured["recall"] < 0.9
    assert (measured["k"], measured["queries"], measured["held_out"]) == (10, 256, False)
    held = Index.build(cloud[:500], names(cloud)[:500], held_out=cloud[500:], plan=coarse, **MADE_BY).info()
    assert (held["recall"]["queries"], held["recall"]["held_out"]) == (100, True)
    assert Index.build(cloud, names(cloud), **MADE_BY).info()["plan_kind"] == "exact"


@pytest.mark.parametrize(
    ("count", "kind"),
    [(19_999, "exact"), (20_000, "hashing + reorder"), (100_000, "tree + hashing + reorder")],
)
def test_plan_is_chosen_by_size(count: int, kind: str) -> None:
    assert Plan.for_size(count, 512).kind == kind


def test_one_query_gets_what_it_gets_among_others(cloud: np.ndarray) -> None:
    for metric in ("cosine", "dot", "l2"):
        index = Index.build(cloud, names(cloud), metric=metric, plan=PLANS["tree"], **MADE_BY)
        together = index.search(cloud[:20] * 3, 5)
        for row in range(20):
            alone = index.search(cloud[row : row + 1] * 3, 5)
            assert alone.ids.tolist() == together.ids[row : row + 1].tolist()
            np.testing.assert_allclose(alone.scores[0], together.scores[row], rtol=1e-4, atol=1e-4)
    with pytest.raises(UsageError, match="NaN"):
        index.search(cloud[:1] * np.float32(np.nan), 5)
    with pytest.raises(UsageError, match="are zero"):
        Index.build(cloud, names(cloud), **MADE_BY).search(cloud[:1] * 0, 5)


def test_a_plan_that_could_not_be_updated_is_refused(cloud: np.ndarray) -> None:
    plan = Plan(block=2, reorder=60, reorder_type="int8")
    with pytest.raises(UsageError, match="rescores in int8"):
        Index.build(cloud, names(cloud), metric="l2", plan=plan, **MADE_BY)
    index = Index.build(cloud, names(cloud), plan=plan, **MADE_BY)
    index.upsert(["new"], cloud[:1] * 2)
    index.delete(["v3"])
    assert set(index.search(cloud[:1], 2).ids[0]) == {"new", "v0"}


def test_a_truncated_searcher_is_refused(cloud: np.ndarray, tmp_path: Path) -> None:
    Index.build(cloud, names(cloud), plan=PLANS["tree"], **MADE_BY).save(tmp_path / "gallery")
    (partitioner,) = (tmp_path / "gallery").rglob("serialized_partitioner.pb")
    partitioner.write_bytes(partitioner.read_bytes()[:100])
    with pytest.raises(RetrievalError, match=r"damaged: .*serialized_partitioner\.pb"):
        Index.load(tmp_path / "gallery")
