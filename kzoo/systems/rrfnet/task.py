"""How a batch of pairs becomes RRF-Net's loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kzoo.losses import Ranking, ranking_loss


def losses(
    outputs: Mapping[str, Any], batch: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the bi-rank loss (thesis eq. 5.10); options are the fields of `Ranking`."""
    image, text = outputs["image_embedding"], outputs["text_embedding"]
    return {"bi_rank": ranking_loss(image, text, batch["image_index"], Ranking.of(options))}
