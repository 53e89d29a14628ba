"""What an exported RRF-Net answers."""

from __future__ import annotations

import keras

from kzoo.pair_endpoints import cosine_signatures
from kzoo.system import Signature, System


def signatures(
    model: keras.Model,
    _system: System,
    _classes: tuple[str, ...],
    image_encoder: str | None = None,
    text_encoder: str | None = None,
) -> dict[str, Signature]:
    """Return the endpoints of `kzoo.pair_endpoints.cosine_signatures`; vectors are float32 (N, 512)."""
    return cosine_signatures(model, image_encoder, text_encoder)
