"""Least-squares adversarial losses (Mao et al. 2017; thesis eq. 8.1) and what a discriminator is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import ops


@dataclass(frozen=True)
class Judgement:
    """What one discriminator is to tell apart in a batch.

    Attributes:
        discriminator: name of the layer.
        real: tensor (N, H, W, C) that it should score 1.
        fakes: tensors of the same form that it should score 0, each with a term of its own.
    """

    discriminator: str
    real: Any
    fakes: tuple[Any, ...]


def least_squares_real(scores: Any) -> Any:
    """Return the mean of (score - 1)^2, a scalar: how far scores of any shape are from "real"."""
    return ops.mean(ops.square(scores - 1))


def least_squares_fake(scores: Any) -> Any:
    """Return the mean of score^2, a scalar: how far scores of any shape are from "fake"."""
    return ops.mean(ops.square(scores))
