"""Inception score: how sure a classifier is of each generated picture, and how varied its answers are."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from kzoo.errors import UsageError

SPLITS = 10


class InceptionScore(NamedTuple):
    """Mean and standard deviation over the splits; 1 at least, the number of classes at most."""

    mean: float
    deviation: float


def inception_score(logits: np.ndarray, *, splits: int = SPLITS, seed: int | None = 2020) -> InceptionScore:
    """Return exp of the mean KL divergence of p(y | x) from p(y), over splits (thesis eq. 8.20, 8.21).

    Salimans et al. 2016 take ten splits of equal size, and p(y) is that of the split. The score compares
    models only where classifier, number of pictures and splits are the same.

    Args:
        logits: of any classifier, float (N, K), of generated pictures.
        splits: that the pictures are divided into.
        seed: of the order in which they are divided; None keeps theirs.

    Raises:
        UsageError: for another shape, logits that are not finite, or fewer pictures than splits.
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2 or logits.shape[1] < 2 or not np.isfinite(logits).all():
        raise UsageError(
            f"expected finite logits (N, K) of 2 classes or more; received {logits.shape}, "
            f"{np.count_nonzero(~np.isfinite(logits))} of them not finite"
        )
    if not 1 <= splits <= len(logits):
        raise UsageError(f"{len(logits)} pictures cannot be divided into {splits} splits")
    if seed is not None:
        logits = logits[np.random.RandomState(seed).permutation(len(logits))]
    edges = len(logits) * np.arange(splits + 1) // splits
    scores = [_score(logits[start:end]) for start, end in pairwise(edges)]
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)))


def _score(logits: np.ndarray) -> float:
    """Return the score of one split, (N, K)."""
    from scipy.special import log_softmax, logsumexp

    log_given = log_softmax(logits, axis=1)
    log_marginal = logsumexp(log_given, axis=0) - np.log(len(logits))
    divergence = np.sum(np.exp(log_given) * (log_given - log_marginal), axis=1)
    return float(np.exp(divergence.mean()))
