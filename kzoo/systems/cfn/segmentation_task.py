"""How a batch becomes the loss of a segmentation network (thesis eq. 2.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kzoo.data.segment_batches import IGNORED
from kzoo.errors import UnknownNameError
from kzoo.losses import segmentation_cross_entropy

OPTIONS = ("summed",)


def losses(
    outputs: Mapping[str, Any], batch: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the cross-entropy of the pixels that have a class.

    Args:
        outputs: logits (B, H, W, C).
        batch: labels (B, H, W), 0 to C - 1, or 255 for pixels that count for nothing.
        options: summed, over the pixels as eq. 2.9 is printed; else their mean.

    Raises:
        UnknownNameError: for an unknown option.
    """
    for name in options:
        if name not in OPTIONS:
            raise UnknownNameError("option of the segmentation loss", name, OPTIONS)
    summed = options.get("summed", False)
    loss = segmentation_cross_entropy(batch["labels"], outputs["logits"], ignored=IGNORED, summed=summed)
    return {"cross_entropy": loss}
