"""Cross-entropy of label maps with pixels that are left out (thesis eq. 2.9)."""

from __future__ import annotations

from typing import Any

from keras import ops
from keras.backend import standardize_dtype


def segmentation_cross_entropy(labels: Any, logits: Any, *, ignored: int, summed: bool = False) -> Any:
    """Return the softmax cross-entropy over the pixels that have a class.

    Args:
        labels: integers (N, H, W): 0 to C - 1, or `ignored`.
        logits: float (N, H, W, C). Computed in float32 at least.
        ignored: the label of pixels that count for nothing.
        summed: sum over the pixels and mean over the images, as eq. 2.9; else the mean over all
            counted pixels of the batch, 0 where there is none.

    Returns:
        Scalar.

    Source: thesis eq. 2.9.
    """
    logits = ops.convert_to_tensor(logits)
    if standardize_dtype(logits.dtype) in ("float16", "bfloat16"):
        logits = ops.cast(logits, "float32")
    labels = ops.cast(labels, "int32")
    counted = ops.not_equal(labels, ignored)
    weights = ops.cast(counted, logits.dtype)
    targets = ops.one_hot(ops.where(counted, labels, 0), logits.shape[-1], dtype=logits.dtype)
    per_pixel = ops.logsumexp(logits, axis=-1) - ops.sum(targets * logits, axis=-1)
    total = ops.sum(weights * per_pixel)
    if summed:
        return total / ops.cast(ops.shape(labels)[0], logits.dtype)
    return total / ops.maximum(ops.sum(weights), 1.0)
