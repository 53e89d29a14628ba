"""A quick measure of edge maps, pixel by pixel; `kzoo.metrics.boundaries` is the benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError

LEVELS = 256
BATCH_SIZE = 8


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


def edge_maps(model: Any, images: Iterable[npt.NDArray[np.uint8]]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the probability of an edge at each pixel of each image, float32 (H, W), 0 to 1.

    Args:
        model: from images float32 (N, H, W, 3), 0 to 255, to logits (N, H, W, 1) by the name "fused".
        images: uint8 (H, W, 3); those that follow each other and have one size go through it together.

    Raises:
        UsageError: for an image of another size than that the model was built for.
    """
    for size, group in groupby(images, key=lambda image: image.shape[:2]):
        _require_size(model, size)
        while batch := list(islice(group, BATCH_SIZE)):
            logits = model(np.stack(batch).astype(np.float32), training=False)["fused"]
            yield from keras.ops.convert_to_numpy(keras.ops.sigmoid(logits))[..., 0].astype(np.float32)


def _require_size(model: Any, size: tuple[int, ...]) -> None:
    expected = model.input_shape[1:3]
    if any(one not in (None, two) for one, two in zip(expected, size, strict=True)):
        raise UsageError(
            f"{model.name} is built for images of {expected[0]} x {expected[1]}; received {size[0]} x "
            f"{size[1]}. Built with fusion_grid 'resize' it takes any size"
        )
