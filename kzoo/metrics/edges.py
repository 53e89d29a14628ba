"""A quick measure of edge maps, pixel by pixel; `kzoo.metrics.boundaries` is the benchmark."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError

LEVELS = 256


def best_f_measure(edges: npt.NDArray[np.floating], truth: npt.NDArray[np.bool_]) -> float:
    """Return the best harmonic mean of precision and recall over 255 thresholds, 0 to 1.

    Without tolerance and without thinning: a line that lies a pixel off counts as wrong.

    Args:
        edges: float, 0 to 1, any shape.
        truth: bool, the same shape.

    Raises:
        UsageError: if the shapes differ, the map is not within 0 to 1, or there is no true edge.
    """
    if edges.shape != truth.shape or not truth.any():
        raise UsageError(f"expected maps of one shape with some edge; received {edges.shape}, {truth.shape}")
    if not (edges.min() >= 0 and edges.max() <= 1):
        raise UsageError(f"an edge map is 0 to 1; received {edges.min()} to {edges.max()}")
    levels = np.minimum((edges * LEVELS).astype(np.int64), LEVELS - 1).ravel()
    right = np.bincount(levels[truth.ravel()], minlength=LEVELS)[::-1].cumsum()[::-1][1:]
    found = np.bincount(levels, minlength=LEVELS)[::-1].cumsum()[::-1][1:]
    return float(np.max(2 * right / (found + truth.sum())))
