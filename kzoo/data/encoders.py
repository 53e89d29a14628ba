"""Encoders: what makes features of images and of texts, by name, with dimension, licence, source and hash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kzoo.backbones import efficientnet_lite0, minilm
from kzoo.errors import UnknownNameError

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Encoder:
    """Where features come from.

    Attributes:
        name: by which it is chosen.
        kind: "image" or "text".
        dimension: of its features.
        licence, source: one line each.
        sha256: of its weights, in hexadecimal.
        preprocessing: what happens before the network, in words.
    """

    name: str
    kind: str
    dimension: int
    licence: str
    source: str
    sha256: str
    preprocessing: str


@dataclass(frozen=True)
class EncoderGraph:
    """An encoder as a TensorFlow function, the same for training and in an exported graph.

    Attributes:
        features: encoded images or texts, string (N,), to features float32 (N, K).
        tracked: the models and tables that it uses, which a SavedModel must hold.
    """

    features: Callable[[tf.Tensor], tf.Tensor]
    tracked: tuple[Any, ...]


ENCODERS = {
    one.name: one
    for one in (
        Encoder(
            name="efficientnet_lite0",
            kind="image",
            dimension=efficientnet_lite0.FEATURES,
            licence=efficientnet_lite0.LICENCE,
            source=efficientnet_lite0.SOURCE,
            sha256=efficientnet_lite0.SHA256,
            preprocessing="resized to 224 x 224, antialiased; (pixel - 127) / 128; average pooled",
        ),
        Encoder(
            name="minilm",
            kind="text",
            dimension=minilm.FEATURES,
            licence=minilm.LICENCE,
            source=minilm.SOURCE,
            sha256=minilm.SHA256[minilm.WEIGHTS_FILE],
            preprocessing=f"WordPiece, {minilm.MAX_LENGTH} tokens at most; mean of the tokens, of length 1",
        ),
    )
}


def find_encoder(kind: str, name: str) -> Encoder:
    """Return the encoder of images or of texts called `name`.

    Raises:
        UnknownNameError: if there is none of this kind.
    """
    found = ENCODERS.get(name)
    if found is None or found.kind != kind:
        known = [one.name for one in ENCODERS.values() if one.kind == kind]
        raise UnknownNameError(f"{kind} encoder (expected {', '.join(known)})", name, known)
    return found


def encoder_graph(encoder: Encoder) -> EncoderGraph:
    """Return an encoder with its weights.

    Raises:
        DataError: if the package that holds them is not installed, or is not the one that is known.
    """
    return GRAPHS[encoder.name]()


def _efficientnet_lite0() -> EncoderGraph:
    import tensorflow as tf

    from kzoo.data.images import decode_images

    network = efficientnet_lite0.pretrained()

    def features(image_bytes: tf.Tensor) -> tf.Tensor:
        images = decode_images(image_bytes, efficientnet_lite0.IMAGE_SIZE)
        return tf.cast(network(images, training=False), tf.float32)

    return EncoderGraph(features, (network,))


def _minilm() -> EncoderGraph:
    import tensorflow as tf

    from kzoo.data.wordpiece import WordPiece

    network = minilm.pretrained()
    word_piece = WordPiece(minilm.vocabulary(), minilm.MAX_LENGTH)

    def features(text: tf.Tensor) -> tf.Tensor:
        tokens, mask = word_piece(text)
        return tf.cast(network({"tokens": tokens, "mask": mask}, training=False), tf.float32)

    return EncoderGraph(features, (network, word_piece))


GRAPHS: dict[str, Callable[[], EncoderGraph]] = {
    "efficientnet_lite0": _efficientnet_lite0,
    "minilm": _minilm,
}
