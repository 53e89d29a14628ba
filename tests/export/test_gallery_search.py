"""A gallery as exact search in the graph: what its index finds, by TensorFlow alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kzoo.errors import ExportError, RetrievalError, UsageError
from kzoo.export.gallery_search import export_gallery_search
from kzoo.retrieval import Index


class Colours(tf.Module):
    """Embeds a picture as its 4 x 4 colours."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def embed(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        def pixels(one: tf.Tensor) -> tf.Tensor:
            return tf.image.resize(tf.io.decode_png(one, channels=3), (4, 4))

        images = tf.map_fn(pixels, image_bytes, fn_output_signature=tf.TensorSpec((4, 4, 3), tf.float32))
        return {"embedding": tf.reshape(images, (-1, 48)) / 255 - 0.5}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exact") / "colours" / "1"
    model = Colours()
    tf.saved_model.save(model, str(folder), signatures={"embed": model.embed})
    return folder


def pictures(count: int) -> list[bytes]:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, 32, 32, 3), np.uint8)
    return [tf.io.encode_png(one).numpy() for one in pixels]


@pytest.fixture(scope="module")
def vectors(version: Path) -> np.ndarray:
    embed = tf.saved_model.load(str(version)).signatures["embed"]
    return embed(image_bytes=tf.constant(pictures(12)))["embedding"].numpy()


def index_of(vectors: np.ndarray, folder: Path, **changes: object) -> Index:
    facts = {"metric": "cosine", "model": "colours", "model_version": "1"} | changes
    ids = [f"picture {number}" for number in range(len(vectors))]
    index = Index.build(vectors, ids, metadata=[{"number": number} for number in range(len(ids))], **facts)
    index.save(folder)
    return index


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_graph_finds_what_the_index_finds(
    metric: str, version: Path, vectors: np.ndarray, tmp_path: Path
) -> None:
    index = index_of(vectors, tmp_path / "gallery", metric=metric)
    export_gallery_search(version, str(tmp_path / "gallery"), tmp_path / "searching" / "1")
    loaded = tf.saved_model.load(str(tmp_path / "searching" / "1"))
    assert set(loaded.signatures) == set(tf.saved_model.load(str(version)).signatures) | {"search"}
    asked = tf.constant(pictures(12)[:5])
    found = loaded.signatures["search"](image_bytes=asked, k=tf.constant(4))
    expected = index.search(vectors[:5], 4)
    np.testing.assert_allclose(found["scores"], expected.scores, rtol=1e-4, atol=1e-4)
    assert [[one.decode() for one in row] for row in found["ids"].numpy()] == expected.ids.tolist()
    assert found["metadata"].numpy().ravel().tolist() == [
        one.encode() for one in index.metadata_json(expected.ids.ravel().tolist())
    ]
    with pytest.raises(tf.errors.InvalidArgumentError, match="k is not of 1 to 12"):
        loaded.signatures["search"](image_bytes=asked, k=tf.constant(13))


def test_what_does_not_fit_is_refused(version: Path, vectors: np.ndarray, tmp_path: Path) -> None:
    index_of(vectors, tmp_path / "other", model_version="2")
    with pytest.raises(RetrievalError, match="colours version 2; expected model_version '1'"):
        export_gallery_search(version, str(tmp_path / "other"), tmp_path / "out" / "1")
    index_of(vectors, tmp_path / "gallery")
    with pytest.raises(UsageError, match="expected a new folder whose name is the version's number"):
        export_gallery_search(version, str(tmp_path / "gallery"), version)
    with pytest.raises(UsageError, match="is no exported model"):
        export_gallery_search(tmp_path, str(tmp_path / "gallery"), tmp_path / "out" / "1")
    export_gallery_search(version, str(tmp_path / "gallery"), tmp_path / "colours" / "1")
    with pytest.raises(ExportError, match="expected embed, and no search"):
        export_gallery_search(tmp_path / "colours", str(tmp_path / "gallery"), tmp_path / "out" / "1")
    assert not (tmp_path / "out").exists()
