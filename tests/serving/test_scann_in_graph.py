"""ScaNN inside a SavedModel: saved, read by another process, served, and found what the index finds.

These tests run in the environment of `tools/setup.sh --graph`; beside another TensorFlow they are left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from serving_helpers import StartServer

from kzoo.errors import ExportError
from kzoo.export.gallery_search import export_gallery_search
from kzoo.export.scann_search import ScannSearch
from kzoo.retrieval import Index, Plan
from kzoo.serving import Client

pytestmark = pytest.mark.skipif(
    not tf.__version__.startswith("2.20."),
    reason=f"ScaNN's operation needs TensorFlow 2.20, not {tf.__version__}: tools/setup.sh --graph",
)

ROOT = Path(__file__).parents[2]
DIMENSION, COUNT, K = 24, 1000, 7
PLANS = {
    "exact": Plan(),
    "hashing": Plan(block=2, reorder=60),
    "hashing, int8": Plan(block=2, reorder=60, reorder_type="int8"),
    "tree": Plan(leaves=30, leaves_to_search=4, block=2, reorder=60),
    "tree, one leaf": Plan(leaves=200, leaves_to_search=1, block=2, reorder=20),
}
ASK = """
import sys, numpy as np, tensorflow as tf
from scann import scann_ops
search = tf.saved_model.load(sys.argv[1]).signatures["search"]
found = search(vectors=tf.constant(np.load(sys.argv[2])), k=tf.constant(7))
np.savez(sys.argv[3], ids=found["ids"].numpy().astype(str), scores=found["scores"].numpy())
"""


class Doubled(tf.Module):
    """Embeds a vector as twice itself."""

    @tf.function(input_signature=[tf.TensorSpec([None, DIMENSION], tf.float32, name="vectors")])
    def embed(self, vectors: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": 2 * vectors}


def gallery_vectors(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((60, DIMENSION))
    return (centres[random.integers(0, 60, COUNT)] + 0.3 * random.standard_normal((COUNT, DIMENSION))).astype(
        "f4"
    )


def built(folder: Path, seed: int = 0, **changes: object) -> Index:
    version = folder / "doubled" / "1"
    if not version.exists():
        model = Doubled()
        tf.saved_model.save(model, str(version), signatures={"embed": model.embed})
    vectors = gallery_vectors(seed)
    ids = [f"{seed} row {row}" for row in range(COUNT)]
    index = Index.build(vectors, ids, model="doubled", model_version="1", **changes)
    index.upsert(["new"], vectors[:1] + 0.01)
    index.delete(ids[5:9])
    index.save(folder / "gallery")
    return index


@pytest.mark.parametrize(
    ("plan", "metric"),
    [
        *((plan, "cosine") for plan in PLANS if "tree" not in plan),
        # Under the cosine two roundings of a query's length may choose two leaves; these take it as it is.
        *((plan, metric) for plan in PLANS if "tree" in plan for metric in ("dot", "l2")),
        ("exact", "l2"),
    ],
)
def test_graph_finds_what_the_index_finds(plan: str, metric: str, tmp_path: Path) -> None:
    index = built(tmp_path, metric=metric, plan=PLANS[plan])
    out = tmp_path / "searching" / "1"
    export_gallery_search(tmp_path / "doubled", str(tmp_path / "gallery"), out, ScannSearch)
    queries = gallery_vectors(0)[:40] + np.float32(0.02)
    wanted = index.search(2 * queries, K)
    found = tf.saved_model.load(str(out)).signatures["search"](vectors=tf.constant(queries), k=tf.constant(K))
    assert found["ids"].numpy().astype(str).tolist() == wanted.ids.tolist()
    np.testing.assert_allclose(found["scores"], wanted.scores, rtol=1e-4, atol=1e-4)


@pytest.fixture
def two_models(tmp_path: Path) -> tuple[Path, dict[str, Index]]:
    """Two models of the same graph over different galleries."""
    indexes = {}
    for seed, name in enumerate(("first", "second")):
        indexes[name] = built(tmp_path / name, seed=seed, plan=PLANS["tree"], metric="l2")
        export_gallery_search(
            tmp_path / name / "doubled",
            str(tmp_path / name / "gallery"),
            tmp_path / "models" / name / "1",
            ScannSearch,
        )
    return tmp_path / "models", indexes


def test_another_process_and_a_server_find_the_same(
    two_models: tuple[Path, dict[str, Index]], start_server: StartServer, tmp_path: Path
) -> None:
    models, indexes = two_models
    queries = gallery_vectors(0)[:30]
    np.save(tmp_path / "queries.npy", queries)
    command = [sys.executable, "-c", ASK, str(models / "first" / "1"), "queries.npy", "found.npz"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    with np.load(tmp_path / "found.npz") as found:
        assert found["ids"].tolist() == indexes["first"].search(2 * queries, K).ids.tolist()
    with Client(start_server(models).address) as client:
        for name in (*indexes, *indexes):
            client.wait_until_ready(name, version=1)
            answer = client.predict(name, {"vectors": queries, "k": np.int32(K)}, signature="search")
            assert answer["ids"].astype(str).tolist() == indexes[name].search(2 * queries, K).ids.tolist()


def test_a_number_format_that_the_operation_lacks_is_refused(tmp_path: Path) -> None:
    built(tmp_path, plan=Plan(block=2, reorder=60, reorder_type="bfloat16"))
    with pytest.raises(ExportError, match="bfloat16"):
        export_gallery_search(
            tmp_path / "doubled", str(tmp_path / "gallery"), tmp_path / "searching" / "1", ScannSearch
        )
