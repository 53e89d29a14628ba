"""What an exported classifier of single images answers, preprocessing inside."""

from __future__ import annotations

import keras
import tensorflow as tf

from kzoo.data.endpoints import IMAGE_BYTES, checked_images, class_answers, image_spec, traced_once
from kzoo.data.images import decode_images
from kzoo.data.pipeline import normalize
from kzoo.errors import UsageError
from kzoo.metrics.classification import logits_of
from kzoo.system import Signature, System


def signatures(model: keras.Model, system: System, classes: tuple[str, ...]) -> dict[str, Signature]:
    """Return the endpoints of a classifier.

    - `serving_default`: image_bytes string (N,), each PNG, JPEG, GIF or BMP of any size, to probabilities
      float32 (N, C), classes string (N, k) and scores float32 (N, k), best first, k = min(5, C).
    - `serving_tensor`: image float32 (N, H, W, 3), pixels 0 to 255, to the same.
    - `embed`: image_bytes to embedding float32 (N, K): the feature "embedding", that the last layer
      predicts from, divided by its Euclidean length. Dot products of such vectors are cosines, which is what
      an index of them compares by; a feature of zeros stays zeros.

    Images that cannot be decoded, and pixels that are NaN or infinite, are an InvalidArgumentError that names
    their rows; nothing is answered for the other rows of that batch. So is an empty batch.

    Args:
        model: a classifier; its input gives the image size, its output C.
        system: gives the normalisation and the layer of the feature "embedding".
        classes: C different names in the order of the labels.

    Raises:
        UsageError: if the names are not as many as the outputs of `model`, or not different.
    """
    outputs = logits_of(model.output).shape[-1]
    if len(classes) != outputs or len(set(classes)) != len(classes):
        raise UsageError(
            f"{model.name} has {outputs} outputs and needs as many different class names; received "
            f"{len(classes)}, {len(set(classes))} of them different"
        )
    image_size = model.input_shape[1:3]
    embedding_layer = model.get_layer(system.features["embedding"])
    network = keras.Model(model.input, [logits_of(model.output), embedding_layer.output], name=model.name)

    def logits_and_embedding(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return network(normalize(checked_images(image), system.normalization), training=False)

    compute = traced_once(logits_and_embedding, image_spec(image_size))

    def from_tensor(image: tf.Tensor) -> dict[str, tf.Tensor]:
        logits, _ = compute(image)
        return class_answers(logits, classes)

    def from_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return from_tensor(decode_images(image_bytes, image_size))

    def embed(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        _, embedding = compute(decode_images(image_bytes, image_size))
        return {"embedding": tf.math.l2_normalize(tf.cast(embedding, tf.float32), axis=-1)}

    return {
        "serving_default": Signature(from_bytes, (IMAGE_BYTES,)),
        "serving_tensor": Signature(from_tensor, (image_spec(image_size),)),
        "embed": Signature(embed, (IMAGE_BYTES,)),
    }
