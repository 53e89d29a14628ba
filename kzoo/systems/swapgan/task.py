"""How a batch becomes the losses of the generators, and what the discriminator judges (eq. 8.14 to 8.19)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from kzoo.errors import UnknownNameError
from kzoo.losses import Judgement, least_squares_real
from kzoo.losses.perceptual import perceptual_distance

OPTIONS = ("mask_weight", "perceptual_weight", "perceptual_network", "pool_size", "average_decay")
TRUE_PICTURES = {"swapped": "reference", "restored": "condition"}
TRUE_MASKS = {"mask_swapped": "reference_mask", "mask_restored": "condition_mask"}


def losses(
    outputs: Mapping[str, Any], batch: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the terms that the generators minimise together, those of the outputs that there are.

    - `adversarial_1`, `adversarial_2`: mean of (D - 1)^2 over the pairs of Generators I and II
      (eq. 8.14, 8.16).
    - `mask`: weighted sum of the mean absolute differences of the found masks from the true ones (eq. 8.17).
    - `perceptual`: weighted sum of the perceptual distances of what Generators I and II make from the true
      pictures, where perceptual_weight is above 0 (section 8.2.6). Both show one person in the same clothes.

    Args:
        outputs: of the network.
        batch: reference_mask and condition_mask, float32 (N, H, W, 1), 0 or 1.
        options: mask_weight (5), perceptual_weight (0), perceptual_network ("hed", whose weights come with a
            package, "imagenet" or a file), pool_size and average_decay (of training, not used here).

    Raises:
        UnknownNameError: for an unknown option.
        DataError: if the weights of the perceptual network are not there.
    """
    for name in options:
        if name not in OPTIONS:
            raise UnknownNameError("option of the swap loss", name, OPTIONS)
    terms = {
        f"adversarial_{number}": least_squares_real(outputs[score])
        for number, score in enumerate(("score_swapped", "score_restored"), start=1)
        if score in outputs
    }
    found = [_distance(batch[true], outputs[mask]) for mask, true in TRUE_MASKS.items() if mask in outputs]
    if found:
        terms["mask"] = float(options.get("mask_weight", 5.0)) * sum(found)
    weight = float(options.get("perceptual_weight", 0.0))
    if weight:
        network = str(options.get("perceptual_network", "hed"))
        terms["perceptual"] = weight * sum(
            perceptual_distance(outputs[made], ops.cast(batch[true], outputs[made].dtype), network)
            for made, true in TRUE_PICTURES.items()
            if made in outputs
        )
    return terms


def judgements(outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Judgement, ...]:
    """Return what the discriminator tells apart: one real pair, a fake one of each generator (eq. 8.19)."""
    condition, reference = batch["condition"], batch["reference"]
    fakes = [_pair(outputs["swapped"], condition)]
    if "restored" in outputs:
        fakes.append(_pair(reference, outputs["restored"]))
    return (Judgement("discriminator", real=_pair(reference, condition), fakes=tuple(fakes)),)


def _pair(first: Any, second: Any) -> Any:
    return ops.concatenate([first, second], axis=-1)


def _distance(one: Any, other: Any) -> Any:
    return ops.mean(ops.abs(ops.cast(one, other.dtype) - other))
