"""ODS, OIS and AP of an edge detector over a split."""

from __future__ import annotations

import os
from typing import Any

import keras

from kzoo.metrics.boundaries import evaluate as evaluate_boundaries
from kzoo.metrics.boundaries.maps import thin
from kzoo.metrics.edges import edge_maps

PIXELS_A_PROCESS = 5_000_000
"""Below this a process of its own costs more than it brings."""


def evaluate(model: keras.Model, data: Any) -> dict[str, float]:
    """Return ods, ois and ap by the boundary benchmark, under a progress bar, on all cores where it is much.

    Args:
        model: of this room.
        data: `kzoo.data.edge_examples.EdgeExamples`: pictures with an image and annotations each, the
            distance of matched pixels, and whether annotated lines are to be thinned.

    Raises:
        UsageError: for a picture of another size than that the model was built for.
    """
    predictions = list(edge_maps(model, (one.image for one in data.pictures)))
    annotations = [
        [thin(edges) if data.thick else edges for edges in one.annotations] for one in data.pictures
    ]
    processes = sum(one.size for one in predictions) // PIXELS_A_PROCESS
    found = evaluate_boundaries(
        predictions,
        annotations,
        data.max_distance,
        suppress=True,
        processes=max(1, min(processes, len(os.sched_getaffinity(0)))),
    )
    return found.metrics()
