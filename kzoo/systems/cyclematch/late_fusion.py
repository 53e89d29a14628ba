"""Scores of several spaces fused into one at inference (thesis eq. 6.7 to 6.11), in Keras operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

SPACES = ("visual", "textual", "latent")
STRATEGIES = {
    "one_score": ("visual",),
    "two_score": ("visual", "textual"),
    "three_score": ("visual", "textual", "latent"),
}
"""Strategy to the spaces whose scores it fuses (table 6.3)."""
SMALLEST_SUM = 1e-12


def scores(images: Mapping[str, Any], texts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cosine similarity (N, M) of each space that both have (eq. 6.7 and 6.8).

    Args:
        images, texts: space to vectors (N, K) and (M, K), of any length.
    """
    return {
        space: ops.matmul(ops.normalize(images[space]), ops.transpose(ops.normalize(texts[space])))
        for space in SPACES
        if space in images and space in texts
    }


def average(fused: Sequence[Any]) -> Any:
    """Return the mean of scores (N, M) (eq. 6.9)."""
    return sum(fused[1:], start=fused[0]) / len(fused)


def adaptive(fused: Sequence[Any], gallery_axis: int) -> Any:
    """Return scores (N, M) weighted for each query by how few its positive scores are (eq. 6.10 and 6.11).

    The weight of a score is 1 over the sum of the query's positive scores over the whole gallery; the weights
    of a query are divided by their sum.

    Args:
        fused: the scores (N, M).
        gallery_axis: 1 where images ask for texts, 0 where texts ask for images.
    """
    weights = adaptive_weights(fused, gallery_axis)
    weighted = [weight * score for weight, score in zip(weights, fused, strict=True)]
    return sum(weighted[1:], start=weighted[0])


def adaptive_weights(fused: Sequence[Any], gallery_axis: int) -> list[Any]:
    """Return the weights of `adaptive`, each (N, 1) or (1, M), that add up to 1."""
    inverses = [
        1 / ops.maximum(ops.sum(ops.relu(score), axis=gallery_axis, keepdims=True), SMALLEST_SUM)
        for score in fused
    ]
    total = sum(inverses[1:], start=inverses[0])
    return [inverse / total for inverse in inverses]
