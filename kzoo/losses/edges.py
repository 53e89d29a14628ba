"""Cross-entropy of edge maps with pixels that are left out: RDS, HED, FCFN (thesis eq. 2.11, 3.3 to 3.5)."""

from __future__ import annotations

from typing import Any

from keras import ops
from keras.backend import standardize_dtype

NO_EDGE, EDGE, IGNORED = 0, 1, 2
ALPHA, BETA = 9.0, 1.0


def edge_cross_entropy(
    labels: Any, logits: Any, *, alpha: float = ALPHA, beta: float = BETA, summed: bool = False
) -> Any:
    """Return alpha * -log P on edges plus beta * -log(1 - P) beside them, nothing on ignored pixels.

    Args:
        labels: integers (N, H, W): 1 edge, 0 none, any other value is ignored.
        logits: float (N, H, W, 1); P is their sigmoid. Computed without it, so that no logit overflows.
        alpha, beta: weights of edges and of the others.
        summed: sum over the pixels of an image, as the thesis's rates of 1e-9 and 1e-6 expect; else the
            mean over its H * W pixels, ignored ones included, so that the one is H * W times the other.

    Returns:
        Scalar: the mean over the images, float32 at least.

    Source: thesis eq. 3.3 and 3.4; eq. 3.4 misses the minus signs that the gradients of eq. 3.5 have.
    """
    logits = _float(logits)
    edges, others = _masks(labels, logits)
    per_pixel = alpha * edges * ops.softplus(-logits) + beta * others * ops.softplus(logits)
    return _reduced(per_pixel, summed)


def balanced_edge_cross_entropy(labels: Any, logits: Any, *, summed: bool = False) -> Any:
    """Return the cross-entropy in which edges and the others weigh as the other's share of the image.

    Args:
        labels, logits, summed: as `edge_cross_entropy`; shares are of the pixels that are not ignored.

    Source: HED (Xie and Tu 2015) eq. 2; thesis eq. 2.11 to 2.13.
    """
    logits = _float(logits)
    edges, others = _masks(labels, logits)
    positives, negatives = (ops.sum(mask, axis=(1, 2, 3), keepdims=True) for mask in (edges, others))
    share = negatives / ops.maximum(positives + negatives, 1.0)
    per_pixel = share * edges * ops.softplus(-logits) + (1.0 - share) * others * ops.softplus(logits)
    return _reduced(per_pixel, summed)


def _float(logits: Any) -> Any:
    logits = ops.convert_to_tensor(logits)
    return logits if standardize_dtype(logits.dtype) == "float64" else ops.cast(logits, "float32")


def _masks(labels: Any, logits: Any) -> tuple[Any, Any]:
    labels = ops.expand_dims(ops.convert_to_tensor(labels), -1)
    return tuple(ops.cast(ops.equal(labels, value), logits.dtype) for value in (EDGE, NO_EDGE))


def _reduced(per_pixel: Any, summed: bool) -> Any:
    of_image = (ops.sum if summed else ops.mean)(per_pixel, axis=(1, 2, 3))
    return ops.mean(of_image)
