"""What an exported CycleMatch answers."""

from __future__ import annotations

import keras

from kzoo.pair_endpoints import Vectors, pair_signatures
from kzoo.system import Signature, System
from kzoo.systems.cyclematch.late_fusion import STRATEGIES, adaptive, scores
from kzoo.systems.cyclematch.spaces import image_spaces, text_spaces


def signatures(
    model: keras.Model,
    _system: System,
    _classes: tuple[str, ...],
    image_encoder: str | None = None,
    text_encoder: str | None = None,
) -> dict[str, Signature]:
    """Return the endpoints of `kzoo.pair_endpoints.pair_signatures`.

    The spaces are "visual", "textual" and "latent", float32, not normalised. `score` fuses two scores
    adaptively (table 6.3): "similarity" (N, M) for images that ask for texts, with each image's weights over
    the M texts, and "similarity_of_texts" (N, M) for texts that ask for images; of a model that has the
    latent space alone both are its cosines.
    """
    images, texts = image_spaces(model), text_spaces(model)

    def score(image: Vectors, text: Vectors) -> Vectors:
        found = scores(image, text)
        fused = [found[space] for space in STRATEGIES["two_score"] if space in found] or [found["latent"]]
        return {"similarity": adaptive(fused, 1), "similarity_of_texts": adaptive(fused, 0)}

    return pair_signatures(
        dimensions={name: tensor.shape[-1] for name, tensor in model.input.items()},
        embed_image=lambda features: images(features, training=False),
        embed_text=lambda features: texts(features, training=False),
        score=score,
        image_encoder=image_encoder,
        text_encoder=text_encoder,
    )
