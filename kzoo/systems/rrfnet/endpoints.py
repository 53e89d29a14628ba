"""What an exported RRF-Net answers."""

from __future__ import annotations

import keras
import tensorflow as tf

from kzoo.pair_endpoints import Vectors, pair_signatures
from kzoo.system import Signature, System


def signatures(
    model: keras.Model,
    _system: System,
    _classes: tuple[str, ...],
    image_encoder: str | None = None,
    text_encoder: str | None = None,
) -> dict[str, Signature]:
    """Return the endpoints of `kzoo.pair_endpoints.pair_signatures`.

    The one space is "embedding", float32 (N, 512), of length 1; similarity is the cosine.
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
