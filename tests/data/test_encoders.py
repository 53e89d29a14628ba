"""Encoders by name, those with files of the user's, and what is said of names that mean nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kzoo.backbones import efficientnet_lite0, minilm
from kzoo.data.encoders import encoder_graph, find_encoder, runs_in_graph
from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.files import sha256_of_file


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    path = tmp_path / "words.vec"
    path.write_text("3 2\ndog 1 2\nruns 3 0\ncat 0 4\n")
    return path


def test_encoders_of_packages() -> None:
    image, text = find_encoder("image", "efficientnet_lite0"), find_encoder("text", "minilm")
    assert (image.dimension, image.sha256) == (1280, efficientnet_lite0.SHA256)
    assert (text.dimension, text.sha256) == (384, minilm.SHA256[minilm.WEIGHTS_FILE])


def test_mean_word_vectors(vectors: Path) -> None:
    encoder = find_encoder("text", f"mean_vectors:{vectors}")
    assert encoder.dimension == 2
    assert encoder.sha256 == sha256_of_file(vectors)
    graph = encoder_graph(encoder)
    found = graph.features(tf.constant(["Dog runs", "cat"]))
    np.testing.assert_array_equal(found, [[2, 1], [0, 4]])
    assert not runs_in_graph(encoder.name)
    assert runs_in_graph("minilm")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("image", "efficientnet"), ("image", "minilm"), ("text", "resnet152:weights.h5"), ("text", "")],
)
def test_unknown_encoder(kind: str, name: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"unknown {kind} encoder \(expected .*:FILE\) '{name}'"):
        find_encoder(kind, name)


def test_files_that_are_missing_or_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="hglmm needs a file of word vectors; name it as hglmm:FILE"):
        find_encoder("text", "hglmm")
    with pytest.raises(UsageError, match="minilm brings its weights with it; received a file, other"):
        find_encoder("text", "minilm:other")
    with pytest.raises(DataError, match=r"vectors\.bin cannot be read"):
        find_encoder("text", f"mean_vectors:{tmp_path}/vectors.bin")
    with pytest.raises(DataError, match=r"weights of resnet152 are not in .*absent\.h5; download https://"):
        find_encoder("image", f"resnet152:{tmp_path}/absent.h5")


def test_hglmm_is_fitted_first(vectors: Path) -> None:
    encoder = find_encoder("text", f"hglmm:{vectors}")
    assert encoder.dimension == 6000
    with pytest.raises(DataError, match="fitted on the captions of a training split"):
        encoder_graph(encoder)
