"""Random changes of an index against a plain dict; an import that stays free of TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kzoo.errors import UsageError
from kzoo.retrieval import Index, Plan

SEEN = """
import sys
import numpy as np
from kzoo.retrieval import Index
assert not {"tensorflow", "scann", "pymilvus"} & set(sys.modules)
Index.build(np.eye(3), ["x", "y", "z"], model="a", model_version="1")
assert "tensorflow" not in sys.modules
import tensorflow
assert tensorflow.reduce_sum(tensorflow.ones(3)).numpy() == 3
Index.build(np.eye(3), ["x", "y", "z"], model="a", model_version="1")
"""
PLANS = {
    "exact": Plan(),
    "hashing": Plan(block=2, reorder=200),
    "tree": Plan(leaves=5, leaves_to_search=5, block=2, reorder=200),
}
FIRST = np.random.default_rng(1).standard_normal((40, 4)).astype("f4")
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["upsert", "delete", "save"]),
        st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True),
        st.integers(0, 1000),
    ),
    max_size=12,
)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@settings(max_examples=40, deadline=None)
@given(changes=CHANGES)
def test_index_follows_a_dict_through_random_changes(
    plan: Plan, changes: list[tuple[str, list[int], int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    index = Index.build(
        FIRST, [str(row) for row in range(40)], metric="dot", plan=plan, model="a", model_version="1"
    )
    naive = {str(row): vector for row, vector in enumerate(FIRST)}
    for verb, numbers, seed in changes:
        ids = [str(number) for number in numbers]
        if verb == "upsert":
            vectors = np.random.default_rng(seed).standard_normal((len(ids), 4)).astype("f4")
            index.upsert(ids, vectors, [{"seed": seed}] * len(ids))
            naive |= dict(zip(ids, vectors, strict=True))
        elif verb == "save":
            folder = tmp_path_factory.mktemp("saved") / "gallery"
            index.save(folder)
            index = Index.load(folder)
        elif set(ids) <= set(naive) and len(ids) < len(naive):
            index.delete(ids)
            naive = {one: vector for one, vector in naive.items() if one not in ids}
        else:
            with pytest.raises(UsageError):
                index.delete(ids)
    found = index.search(FIRST[:3], len(naive))
    assert sorted(index.ids) == sorted(naive)
    assert dict(zip(index.ids, map(tuple, index.vectors), strict=True)) == {
        one: tuple(vector) for one, vector in naive.items()
    }
    for ids, rows, scores, query in zip(found.ids, found.indices, found.scores, FIRST, strict=False):
        assert set(ids) == set(naive)
        assert [index.ids[row] for row in rows] == ids.tolist()
        assert (np.diff(scores) <= 0).all()
        np.testing.assert_allclose(scores, [naive[one] @ query for one in ids], atol=1e-5)


def test_callers_vectors_are_not_written_to() -> None:
    mine = FIRST.copy()
    index = Index.build(
        mine, [str(row) for row in range(40)], metric="l2", plan=Plan(), model="a", model_version="1"
    )
    index.upsert(["0"], np.zeros((1, 4)))
    index.delete(["1"])
    np.testing.assert_array_equal(mine, FIRST)


def test_index_needs_no_tensorflow_and_lives_beside_it() -> None:
    root, command = Path(__file__).parents[2], [sys.executable, "-c", SEEN]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
