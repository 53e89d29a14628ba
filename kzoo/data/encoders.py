"""Encoders: what makes features of images and of texts, by name, with dimension, licence, source and hash.

An encoder whose weights or word vectors are a file of the user's is named NAME:FILE, as "vgg19:weights.h5".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzoo.backbones import efficientnet_lite0, fully_convolutional, minilm
from kzoo.data import hglmm
from kzoo.data.word_vectors import dimension_of, read_word_vectors
from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.files import sha256_of_file

if TYPE_CHECKING:
    import numpy as np
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


FROM_FILES = {**dict.fromkeys(fully_convolutional.NETWORKS, "image"), "mean_vectors": "text", "hglmm": "text"}
"""Names of those that read a file of the user's, and what they encode."""

IN_PYTHON = ("mean_vectors", "hglmm")
"""Those whose features are not computed by TensorFlow, so that no exported graph can hold them."""

FITTED = ("hglmm",)
"""Those that are fitted on the captions of the training split first."""

FITTED_FILE = "text_encoder.npz"


def find_encoder(kind: str, name: str) -> Encoder:
    """Return the encoder of images or of texts called `name`.

    Args:
        kind: "image" or "text".
        name: of ENCODERS, or a name of FROM_FILES with its file, as "mean_vectors:GoogleNews.bin"; the
            networks among these find weights in Keras's cache if no file is named.

    Raises:
        UnknownNameError: if there is none of this kind.
        UsageError: if a name that needs a file is without, or the other way round.
        DataError: if the file is not there or is not what it should be; the message says where to get it.
    """
    family, _, file = name.partition(":")
    known = [one.name for one in ENCODERS.values() if one.kind == kind]
    from_files = [one for one, of in FROM_FILES.items() if of == kind]
    if family in known and not file:
        return ENCODERS[family]
    if family in from_files:
        return _from_file(family, kind, Path(file).expanduser() if file else None)
    if family in known:
        raise UsageError(f"the {kind} encoder {family} brings its weights with it; received a file, {file}")
    expected = ", ".join([*known, *(f"{one}:FILE" for one in from_files)])
    raise UnknownNameError(f"{kind} encoder (expected {expected})", name, [*known, *from_files])


def family_of(encoder: Encoder) -> str:
    """Return an encoder's name without its file."""
    return encoder.name.partition(":")[0]


def runs_in_graph(name: str) -> bool:
    """Tell whether an exported graph can hold the encoder called `name`."""
    return name.partition(":")[0] not in IN_PYTHON


def encoder_graph(encoder: Encoder, fitted: Path | None = None) -> EncoderGraph:
    """Return an encoder with its weights.

    Args:
        encoder: what `find_encoder` gave.
        fitted: of an encoder of FITTED, the file that `fit_encoder` wrote.

    Raises:
        DataError: if the package or file that holds them is not there, or is not the one that is known.
    """
    family, _, file = encoder.name.partition(":")
    if family in fully_convolutional.NETWORKS:
        return _fully_convolutional(family, Path(file))
    if family == "mean_vectors":
        return _in_python(read_word_vectors(Path(file)).mean)
    if family == "hglmm":
        if fitted is None:
            raise DataError("hglmm is fitted on the captions of a training split; received no fitted file")
        vectors, fisher = read_word_vectors(Path(file)), hglmm.Hglmm.load(fitted)
        return _in_python(lambda texts: fisher.encode([vectors.of(text) for text in texts]))
    return GRAPHS[family]()


def fit_encoder(encoder: Encoder, captions: Sequence[str], path: Path) -> None:
    """Fit an encoder of FITTED on the captions of a training split, and write it to `path`.

    Raises:
        DataError: if there are too few captions, or one has no known word.
    """
    vectors = read_word_vectors(Path(encoder.name.partition(":")[2]))
    hglmm.fit_hglmm([vectors.of(caption) for caption in captions], components=encoder.dimension).save(path)


def _from_file(family: str, kind: str, path: Path | None) -> Encoder:
    if family in fully_convolutional.NETWORKS:
        network = fully_convolutional.NETWORKS[family]
        path = fully_convolutional.weight_file(family, path)
        dimension, licence = network.features, network.licence
        source = f"keras.applications {family}, ImageNet; {path.name}"
    elif path is None:
        raise UsageError(f"{family} needs a file of word vectors; name it as {family}:FILE")
    else:
        vector = dimension_of(path)
        dimension = hglmm.COMPONENTS if family == "hglmm" else vector
        licence, source = f"that of {path.name}", f"{vector}-d word vectors of {path.name}"
    return Encoder(
        name=f"{family}:{path.absolute()}",
        kind=kind,
        dimension=dimension,
        licence=licence,
        source=source,
        sha256=sha256_of_file(path),
        preprocessing=PREPROCESSING.get(family, PREPROCESSING["networks"]),
    )


def _fully_convolutional(family: str, weights: Path) -> EncoderGraph:
    import tensorflow as tf

    from kzoo.data.images import decode_image

    network = fully_convolutional.fully_convolutional(family, weights)

    def one(image_bytes: tf.Tensor) -> tf.Tensor:
        image = decode_image(image_bytes)
        size = tf.cast(tf.shape(image)[:2], tf.float32)
        scaled = tf.round(size * fully_convolutional.SHORT_SIDE / tf.reduce_min(size))
        resized = tf.image.resize(image, tf.cast(scaled, tf.int32), antialias=True)
        return tf.cast(network(resized[None], training=False)[0], tf.float32)

    def features(image_bytes: tf.Tensor) -> tf.Tensor:
        spec = tf.TensorSpec((network.output.shape[-1],), tf.float32)
        return tf.map_fn(one, image_bytes, fn_output_signature=spec, parallel_iterations=1)

    return EncoderGraph(features, (network,))


def _in_python(encode: Callable[[Sequence[str]], np.ndarray]) -> EncoderGraph:
    import tensorflow as tf

    def features(text: tf.Tensor) -> tf.Tensor:
        return tf.constant(encode([one.decode("utf-8") for one in text.numpy()]), tf.float32)

    return EncoderGraph(features, ())


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


PREPROCESSING = {
    "networks": "short side 512, antialiased; BGR less ImageNet's mean; fully convolutional, average pooled",
    "mean_vectors": "words of letters and digits, as written or in lower case; mean of their vectors",
    "hglmm": f"words as of mean_vectors; HGLMM of {hglmm.CENTRES} centres, Fisher vector, PCA",
}

GRAPHS: Mapping[str, Callable[[], EncoderGraph]] = {
    "efficientnet_lite0": _efficientnet_lite0,
    "minilm": _minilm,
}
