"""The Berkeley boundary benchmark: ODS, OIS and average precision of edge maps against several annotators."""

from __future__ import annotations

from kzoo.metrics.boundaries.evaluate import count_image, evaluate, over_processes
from kzoo.metrics.boundaries.folders import evaluate_folders
from kzoo.metrics.boundaries.maps import non_maximum_suppression, thin
from kzoo.metrics.boundaries.matching import Matching, match_pixels
from kzoo.metrics.boundaries.picture import draw_curves
from kzoo.metrics.boundaries.summary import BoundaryResult, Counts, Curve, Point, read_curve, summarize

BSDS_DISTANCE = 0.0075
NYUD_DISTANCE = 0.011

__all__ = [
    "BSDS_DISTANCE",
    "NYUD_DISTANCE",
    "BoundaryResult",
    "Counts",
    "Curve",
    "Matching",
    "Point",
    "count_image",
    "draw_curves",
    "evaluate",
    "evaluate_folders",
    "match_pixels",
    "non_maximum_suppression",
    "over_processes",
    "read_curve",
    "summarize",
    "thin",
]
