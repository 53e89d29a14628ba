"""How a batch of pairs becomes the loss of CycleMatch and its relatives (thesis eq. 6.1 to 6.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kzoo.losses import Ranking, ranking_loss

TERMS = {
    "latent": ("image_latent", "text_latent"),
    "image_dual": ("text_from_image", "text"),
    "image_reconstructed": ("image_again", "image"),
    "image_latent_cycle": ("image_latent", "image_again_latent"),
    "text_dual": ("image_from_text", "image"),
    "text_reconstructed": ("text_again", "text"),
    "text_latent_cycle": ("text_latent", "text_again_latent"),
}
"""Term to the two embeddings that it ranks; names of outputs, or "image" and "text", the features."""


def losses(
    outputs: Mapping[str, Any], batch: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the active terms, each of weight 1.

    Args:
        outputs: of `build_cyclematch`.
        batch: image, text and image_index.
        options: "terms", names of TERMS, and the fields of `Ranking`.
    """
    ranking = Ranking.of({name: value for name, value in options.items() if name != "terms"})
    known = {**batch, **outputs}
    return {
        term: ranking_loss(known[TERMS[term][0]], known[TERMS[term][1]], batch["image_index"], ranking)
        for term in options["terms"]
    }
