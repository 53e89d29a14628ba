"""How a batch becomes the losses of the generators, and what the discriminators judge (eq. 8.1 to 8.11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from kzoo.errors import UnknownNameError, UsageError
from kzoo.losses import Judgement, least_squares_real

OPTIONS = ("cycle_weight", "similarity_weight", "pool_size", "average_decay")


def losses(
    outputs: Mapping[str, Any], batch: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the terms that the generators minimise together.

    - `adversarial_ab`, `adversarial_ba`: mean of (D(G(x)) - 1)^2. Eq. 8.1 as printed is the discriminator's.
    - `cycle_a_m`, `cycle_b_m`: weighted mean absolute difference between an input and the same after m
      generators and back (eq. 8.2, 8.5, 8.8).
    - `similarity`: weighted mean absolute difference of what the first generators make (eq. 8.11), where
      similarity_weight is above 0.

    Args:
        outputs: of the network.
        batch: a and b, images (N, H, W, 3) in [-1, 1].
        options: cycle_weight (10), similarity_weight (0), pool_size and average_decay (of training,
            not used here).

    Raises:
        UnknownNameError: for an unknown option.
        UsageError: for a similarity of generators without nested cycles.
    """
    for name in options:
        if name not in OPTIONS:
            raise UnknownNameError("option of the translation loss", name, OPTIONS)
    cycle_weight = float(options.get("cycle_weight", 10.0))
    similarity_weight = float(options.get("similarity_weight", 0.0))
    terms = {
        "adversarial_ab": least_squares_real(outputs["score_fake_b"]),
        "adversarial_ba": least_squares_real(outputs["score_fake_a"]),
    }
    for name in sorted(outputs):
        if name.startswith("cycled_"):
            _, domain, number = name.split("_")
            terms[f"cycle_{domain}_{number}"] = cycle_weight * _distance(batch[domain], outputs[name])
    if similarity_weight and "first_ab" not in outputs:
        raise UsageError("loss_options.similarity_weight is for nested cycles (eq. 8.11)")
    if similarity_weight:
        terms["similarity"] = similarity_weight * _distance(outputs["first_ab"], outputs["first_ba"])
    return terms


def judgements(outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Judgement, ...]:
    """Return what each discriminator tells apart: only the ends of the chains are judged (section 8.1.2)."""
    return (
        Judgement("discriminator_a", real=batch["a"], fakes=(outputs["fake_a"],)),
        Judgement("discriminator_b", real=batch["b"], fakes=(outputs["fake_b"],)),
    )


def _distance(one: Any, other: Any) -> Any:
    return ops.mean(ops.abs(ops.cast(one, other.dtype) - other))
