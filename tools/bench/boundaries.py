"""ODS, OIS and AP beside pyEdgeEval's, on the same maps: the figures, and the time of an image of 481x321.

`python tools/bench/boundaries.py [--images 4] [--thresholds 99]`; the peer comes with `pip install
"kzoo[peers]"`. Maps are gradients of sample photographs after non-maximum suppression, annotators Canny's
edges at four scales, one pixel wide. The two take turns, so that a busy machine slows both.

What pyEdgeEval calls AUC is the public benchmark's area, the AP of the thesis; its own AP is another figure.
"""

from __future__ import annotations

import argparse
import importlib
import time
from typing import Any

import numpy as np
from _common import progress, write_results
from peers import compared

SIZE = (321, 481)
PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket", "cat", "retina", "immunohistochemistry", "camera")
ANNOTATORS = (1.0, 1.5, 2.0, 3.0)
DISTANCE = 0.0075

Scene = tuple[np.ndarray, list[np.ndarray]]


def scenes(count: int) -> list[Scene]:
    """Return edge maps float (321, 481), 0 to 1, each with the edges of four annotators."""
    from kzoo.metrics.boundaries import non_maximum_suppression, thin

    skimage: Any = importlib.import_module("skimage")  # its functions come without types
    found = []
    for name in PHOTOGRAPHS[:count]:
        photograph = np.asarray(getattr(skimage.data, name)())
        grey = photograph / 255.0 if photograph.ndim == 2 else skimage.color.rgb2gray(photograph[..., :3])
        grey = skimage.transform.resize(grey, SIZE)
        gradient = skimage.filters.sobel(skimage.filters.gaussian(grey, 1.0))
        edges = non_maximum_suppression(gradient / gradient.max())
        lines = [thin(skimage.feature.canny(grey, sigma=one)) for one in ANNOTATORS]
        found.append((edges, lines))
    return found


def main() -> None:
    """Measure, compare and write results/boundaries.csv; end with code 1 if the figures differ by 1e-3."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4, choices=range(2, len(PHOTOGRAPHS) + 1))
    parser.add_argument("--thresholds", type=int, default=99)
    arguments = parser.parse_args()

    from kzoo.metrics.boundaries import count_image, summarize
    from kzoo.metrics.boundaries.summary import default_thresholds

    thresholds = default_thresholds(arguments.thresholds)
    given = scenes(arguments.images)
    ours, theirs, seconds, peer_seconds = [], [], [], []
    with progress("images") as bar:
        for number, (edges, annotators) in enumerate(given):
            begun = time.perf_counter()
            ours.append(count_image(edges, annotators, DISTANCE, thresholds))
            between = time.perf_counter()
            theirs.append(peer_counts(edges, annotators, thresholds))
            seconds.append(between - begun)
            peer_seconds.append(time.perf_counter() - between)
            bar((number + 1) / len(given))
    result, peer = summarize(ours, thresholds).metrics(), peer_metrics(theirs, thresholds)
    times = compared(
        f"{SIZE[1]}x{SIZE[0]}, {len(thresholds)} thresholds", "pyEdgeEval", seconds, peer_seconds
    )
    figures = {f"{name}_{who}": of[name] for name in result for who, of in (("kzoo", result), ("peer", peer))}
    write_results("boundaries", [{**times, "images": len(given), "annotators": len(ANNOTATORS), **figures}])
    apart = max(abs(result[name] - peer[name]) for name in result)
    if apart > 1e-3:
        raise SystemExit(f"the figures are {apart:.2g} apart; expected 1e-3 at most")


def peer_counts(edges: np.ndarray, annotators: list[np.ndarray], thresholds: np.ndarray) -> tuple[Any, ...]:
    """Return pyEdgeEval's four counts at each threshold."""
    from pyEdgeEval.common.binary_label.evaluate_boundaries import evaluate_boundaries_threshold_multiple_gts

    counts: tuple[Any, ...] = evaluate_boundaries_threshold_multiple_gts(
        thresholds, edges, np.stack(annotators), max_dist=DISTANCE, apply_thinning=True
    )
    return counts


def peer_metrics(counts: list[tuple[Any, ...]], thresholds: np.ndarray) -> dict[str, float]:
    """Return ods, ois and ap as pyEdgeEval summarises its counts."""
    from pyEdgeEval.common.binary_label.calculate_metrics import calculate_metrics

    samples = [{"name": str(number), "counts": one} for number, one in enumerate(counts)]
    overall = calculate_metrics(lambda sample: sample["counts"], thresholds.tolist(), samples, nproc=1)[2]
    return {"ods": overall["ODS_f1"], "ois": overall["OIS_f1"], "ap": overall["AUC"]}


if __name__ == "__main__":
    main()
