"""What exported networks over image and text features have in common: endpoints that take raw input.

The encoders that make the features are inside the graph, so a client sends image files and plain strings;
features made elsewhere go to the endpoints whose names end in `_tensor`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace

import keras
import tensorflow as tf

from kzoo.data.encoders import Encoder, EncoderGraph, encoder_graph, find_encoder, runs_in_graph
from kzoo.data.endpoints import IMAGE_BYTES, traced_once
from kzoo.system import Signature

TEXT = tf.TensorSpec((None,), tf.string, name="text")
RAW_INPUTS = {"image": IMAGE_BYTES, "text": TEXT}

Vectors = Mapping[str, tf.Tensor]


def checked_features(features: tf.Tensor, name: str) -> tf.Tensor:
    """Return `features` (N, K) as they are, having checked that N is 1 or more and each value a number.

    Raises:
        tf.errors.InvalidArgumentError: for an empty batch, and for NaN or infinite values; the message names
            their rows.
    """
    some = tf.debugging.Assert(tf.shape(features)[0] > 0, [f"{name} is empty; expected one row or more"])
    bad = tf.where(~tf.reduce_all(tf.math.is_finite(features), axis=1))[:, 0]
    message = tf.strings.format(name + " is NaN or infinite in rows {}; expected finite features", bad)
    with tf.control_dependencies([some, tf.debugging.Assert(tf.size(bad) == 0, [message])]):
        return tf.identity(features)


def pair_signatures(
    *,
    dimensions: Mapping[str, int],
    embed_image: Callable[[tf.Tensor], Vectors],
    embed_text: Callable[[tf.Tensor], Vectors],
    score: Callable[[Vectors, Vectors], Vectors],
    image_encoder: str | None,
    text_encoder: str | None,
) -> dict[str, Signature]:
    """Return the endpoints of a matching network.

    - `embed_image`, `embed_text`: image_bytes or text string (N,) to the vectors float32 (N, K) of each
      space, by which a gallery is indexed.
    - `score`: image_bytes (N,) and text (M,) to similarity float32 (N, M); also `serving_default`.
    - `embed_image_tensor`, `embed_text_tensor`, `score_tensor`: the same of image_features float32 (N, I) and
      text_features float32 (N, T); these alone, `score_tensor` as `serving_default`, for features of unknown
      origin, or of a text encoder that does not run in a graph.

    Args:
        dimensions: of the features, "image" and "text".
        embed_image, embed_text: features to vectors by space.
        score: vectors of N images and M texts, by space, to similarity (N, M), by name.
        image_encoder, text_encoder: names, or None for features of unknown origin.
    """
    of_image = tf.TensorSpec((None, dimensions["image"]), tf.float32, name="image_features")
    of_text = tf.TensorSpec((None, dimensions["text"]), tf.float32, name="text_features")

    def checked_image(image_features: tf.Tensor) -> Vectors:
        return embed_image(checked_features(image_features, "image_features"))

    def checked_text(text_features: tf.Tensor) -> Vectors:
        return embed_text(checked_features(text_features, "text_features"))

    embed_image_tensor, embed_text_tensor = (
        traced_once(checked_image, of_image),
        traced_once(checked_text, of_text),
    )

    def score_tensor(image_features: tf.Tensor, text_features: tf.Tensor) -> Vectors:
        return score(embed_image_tensor(image_features), embed_text_tensor(text_features))

    found = {
        "embed_image_tensor": Signature(embed_image_tensor, (of_image,)),
        "embed_text_tensor": Signature(embed_text_tensor, (of_text,)),
        "score_tensor": Signature(score_tensor, (of_image, of_text)),
    }
    if image_encoder is None or text_encoder is None or not runs_in_graph(text_encoder):
        return {**found, "serving_default": found["score_tensor"]}
    of_images = encoder_endpoint("image", image_encoder)
    of_texts = encoder_endpoint("text", text_encoder)

    def embed_image_bytes(image_bytes: tf.Tensor) -> Vectors:
        return embed_image_tensor(of_images.features(image_bytes))

    def embed_texts(text: tf.Tensor) -> Vectors:
        return embed_text_tensor(of_texts.features(text))

    def score_raw(image_bytes: tf.Tensor, text: tf.Tensor) -> Vectors:
        return score(embed_image_bytes(image_bytes), embed_texts(text))

    scored = Signature(score_raw, (IMAGE_BYTES, TEXT), (*of_images.tracked, *of_texts.tracked))
    return {
        **found,
        "embed_image": Signature(embed_image_bytes, (IMAGE_BYTES,), of_images.tracked),
        "embed_text": Signature(embed_texts, (TEXT,), of_texts.tracked),
        "score": scored,
        "serving_default": scored,
    }


def cosine_signatures(
    model: keras.Model, image_encoder: str | None, text_encoder: str | None
) -> dict[str, Signature]:
    """Return the endpoints of a network with the outputs "image_embedding" and "text_embedding", of length 1.

    The one space is "embedding"; similarity is the cosine.
    """
    image = keras.Model(model.input["image"], model.output["image_embedding"], name="embed_image")
    text = keras.Model(model.input["text"], model.output["text_embedding"], name="embed_text")

    def score(images: Vectors, texts: Vectors) -> Vectors:
        return {"similarity": tf.matmul(images["embedding"], texts["embedding"], transpose_b=True)}

    return pair_signatures(
        dimensions={name: tensor.shape[-1] for name, tensor in model.input.items()},
        embed_image=lambda features: {"embedding": image(features, training=False)},
        embed_text=lambda features: {"embedding": text(features, training=False)},
        score=score,
        image_encoder=image_encoder,
        text_encoder=text_encoder,
    )


def encoder_endpoint(kind: str, name: str) -> EncoderGraph:
    """Return an encoder, "image" or "text" with its name, as a function of encoded images or of texts.

    It is made and traced once, for all endpoints that call it and all exports of the process.
    """
    return _traced(find_encoder(kind, name))


@functools.cache
def _traced(encoder: Encoder) -> EncoderGraph:
    graph = encoder_graph(encoder)
    return replace(graph, features=traced_once(graph.features, RAW_INPUTS[encoder.kind]))
