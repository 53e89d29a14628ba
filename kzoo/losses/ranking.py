"""In-batch ranking losses on cosine similarity (thesis eq. 5.8 to 5.10, 6.1 to 6.5, 7.4).

One matrix product a similarity, memory O(B^2): a row's negatives are the other rows of its batch that carry
another label, captions of one image carrying its label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import keras
from keras import ops

from kzoo.errors import UnknownNameError, UsageError

NEGATIVES = ("hardest", "random", "farthest")
SEED_OF_RANDOM_NEGATIVES = 0


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What a ranking loss counts, and how much.

    With similarity s, anchor x, its positive y and a negative y-:
    inter [margin - s(x, y) + s(x, y-)]+ + intra [margin - s(x, y) + s(y, y-)]+, summed over `count` negatives
    of each row and divided by `count` and the number of rows.

    Attributes:
        margin: in cosine similarity.
        count: negatives of a row, N or K in the thesis.
        inter, intra: weights a1 and a2 of eq. 5.8 and 5.9; intra = 0 is the bi-directional loss.
        forward, backward: weights b1 and b2 of the two directions, anchors from the first or from the second
            embedding; backward is alpha in eq. 6.2 and 7.4.
        negatives: "hardest", the nearest ones that violate the margin, as the author's published loss takes
            them; "random"; or "farthest", the most dissimilar ones, as the thesis's text says.
    """

    margin: float = 0.1
    count: int = 50
    inter: float = 1.0
    intra: float = 0.0
    forward: float = 1.0
    backward: float = 2.0
    negatives: str = "hardest"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return what a recipe's loss options say.

        Raises:
            UnknownNameError: for an option that there is not.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise UnknownNameError("option of the ranking loss", name, known)
        return cls(**options)

    def __post_init__(self) -> None:
        if self.negatives not in NEGATIVES:
            raise UsageError(f"negatives must be one of {', '.join(NEGATIVES)}; received {self.negatives!r}")
        if self.count < 1:
            raise UsageError(f"count must be 1 or more; received {self.count}")


def ranking_loss(first: Any, second: Any, label: Any, ranking: Ranking) -> Any:
    """Return the loss of two embeddings of the same rows, a scalar of their dtype.

    Args:
        first, second: float (B, K), row i of one matching row i of the other; of any length, cosines are
            taken. Half precision is computed in float32.
        label: int (B,); rows with the same label are never each other's negatives.
        ranking: what is counted.

    Raises:
        UsageError: if B is known and leaves no row another as its negative, or less than `count` of them.
    """
    rows = first.shape[0]
    if rows is not None and rows - 1 < ranking.count:
        raise UsageError(f"a batch of {rows} has no {ranking.count} negatives a row; make it larger")
    first, second = _unit(first), _unit(second)
    label = ops.reshape(label, (-1, 1))
    allowed = ops.not_equal(label, ops.transpose(label))
    similarity = ops.matmul(first, ops.transpose(second))
    total = ops.zeros((), similarity.dtype)
    directions = (
        (ranking.forward, similarity, second),
        (ranking.backward, ops.transpose(similarity), first),
    )
    for weight, across, positives in directions:
        if weight:
            within = ops.matmul(positives, ops.transpose(positives)) if ranking.intra else None
            total = total + weight * _one_direction(across, within, allowed, ranking)
    return total


def _one_direction(across: Any, within: Any | None, allowed: Any, ranking: Ranking) -> Any:
    """Return the mean over rows and negatives; anchors are the rows of `across`, negatives its columns."""
    positive = ops.expand_dims(ops.diagonal(across), 1)
    chosen, counted = _choose(across - positive, allowed, ranking)
    terms = ranking.inter * _hinge(across, positive, chosen, ranking)
    if within is not None:
        terms = terms + ranking.intra * _hinge(within, positive, chosen, ranking)
    rows = ops.cast(ops.shape(across)[0], across.dtype)
    return ops.sum(ops.where(counted, terms, ops.zeros_like(terms))) / (rows * ranking.count)


def _hinge(similarity: Any, positive: Any, chosen: Any, ranking: Ranking) -> Any:
    return ops.relu(ranking.margin - positive + ops.take_along_axis(similarity, chosen, axis=1))


def _choose(excess: Any, allowed: Any, ranking: Ranking) -> tuple[Any, Any]:
    """Return columns int (B, count) of each row's negatives, and which of them count.

    Args:
        excess: (B, B), similarity of anchor and column less that of anchor and positive.
        allowed: bool (B, B), columns with another label.
        ranking: gives margin, count and how to choose.
    """
    excess = ops.stop_gradient(excess)
    if ranking.negatives == "hardest":
        allowed = ops.logical_and(allowed, excess + ranking.margin > 0)
        preference = excess
    elif ranking.negatives == "farthest":
        preference = -excess
    else:
        # Rows are drawn anew for every batch: fixed places are random rows.
        preference = keras.random.uniform(ops.shape(excess), seed=SEED_OF_RANDOM_NEGATIVES)
        preference = ops.cast(preference, excess.dtype)
    lowest = ops.full_like(preference, -1e9)
    values, chosen = ops.top_k(ops.where(allowed, preference, lowest), ranking.count)
    return chosen, values > -1e8


def _unit(vectors: Any) -> Any:
    if keras.backend.standardize_dtype(vectors.dtype) in ("float16", "bfloat16"):
        vectors = ops.cast(vectors, "float32")
    return ops.normalize(vectors, axis=-1)
