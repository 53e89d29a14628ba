"""Edge maps against annotations, image by image, in as many processes as wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from kzoo.errors import DataError, UsageError
from kzoo.metrics.boundaries.maps import checked_map, non_maximum_suppression, thin
from kzoo.metrics.boundaries.matching import match_pixels
from kzoo.metrics.boundaries.summary import BoundaryResult, Counts, default_thresholds, summarize

Item = TypeVar("Item")
_WAITING_A_PROCESS = 2


def evaluate(
    predictions: Sequence[npt.NDArray[np.generic]],
    annotations: Sequence[Sequence[npt.NDArray[np.generic]]],
    max_distance: float = 0.0075,
    *,
    thresholds: npt.NDArray[np.float64] | None = None,
    suppress: bool = False,
    processes: int = 1,
    quiet: bool = False,
) -> BoundaryResult:
    """Return ODS, OIS and average precision of soft edge maps (Berkeley's boundary benchmark).

    Args:
        predictions: float (H, W), 0 to 1, of each image.
        annotations: of each image its annotators' boundaries, bool or 0 and 1 (H, W).
        max_distance: between matched pixels, as a share of the image's diagonal; .0075 on BSDS500, .011 on
            NYUD.
        thresholds: rising, within 0 to 1; 0.01, 0.02, ... 0.99 if left out.
        suppress: apply `non_maximum_suppression` first, as on networks' maps.
        processes: 2 or more start that many; a script that asks for them guards its own code by
            `if __name__ == "__main__"`.
        quiet: show no progress bar; there is none without a terminal either.

    Raises:
        UsageError: if there is no image, the two lists differ in length, or an argument is out of range.
        DataError: if a map is not one, or its size is not that of its annotations; the message says which.
    """
    if len(predictions) != len(annotations) or not len(predictions):
        raise UsageError(
            f"expected annotations of every map, one map or more; received {len(predictions)} maps and "
            f"{len(annotations)} sets of annotations"
        )
    levels = default_thresholds() if thresholds is None else np.asarray(thresholds, np.float64)
    jobs = [
        (edges, annotators, max_distance, levels, suppress, f"edge map {number}")
        for number, (edges, annotators) in enumerate(zip(predictions, annotations, strict=True))
    ]
    return summarize(over_processes(_count_job, jobs, processes=processes, quiet=quiet), levels)


def count_image(
    edges: npt.NDArray[np.generic],
    annotators: Sequence[npt.NDArray[np.generic]],
    max_distance: float,
    thresholds: npt.NDArray[np.float64],
    *,
    suppress: bool = False,
    name: str = "the edge map",
) -> Counts:
    """Return how many pixels of one image match at each threshold.

    At each threshold the map is cut, thinned and matched with every annotator's boundaries by itself. A
    predicted pixel is right if it is matched with any of them; what was found and what there is to find are
    summed over them.

    Args:
        edges, annotators, max_distance, thresholds, suppress: as `evaluate`, of one image.
        name: of the map, in messages.

    Raises:
        UsageError: if the distance or the thresholds are out of range.
        DataError: if the map or an annotation is not one, there is none, or their sizes differ.
    """
    if not 0 < max_distance < 1:
        raise UsageError(f"expected a distance between 0 and 1 of the diagonal; received {max_distance}")
    if not (np.all((thresholds > 0) & (thresholds <= 1)) and np.all(np.diff(thresholds) > 0)):
        raise UsageError("expected rising thresholds above 0 and up to 1")
    values = checked_map(edges, name)
    masks = _checked_annotators(annotators, values.shape, name)
    if suppress:
        values = non_maximum_suppression(values)
    pixels = max_distance * float(np.hypot(*values.shape))
    annotated = sum(int(mask.sum()) for mask in masks)
    rows: list[tuple[int, int, int, int]] = []
    before = None
    for threshold in thresholds:
        cut = values >= threshold
        if before is None or not np.array_equal(cut, before):
            found, right, predicted = _match_annotators(thin(cut), masks, pixels)
        rows.append((found, annotated, right, predicted))
        before = cut
    return Counts(*np.array(rows, np.int64).reshape(-1, 4).T)


def over_processes(
    function: Callable[[Item], Counts], items: Sequence[Item], *, processes: int, quiet: bool
) -> list[Counts]:
    """Return the function's values, in the order of the items, under a progress bar.

    Args:
        function: of a module, so that other processes can import it.
        processes: 1 stays in this one.

    Raises:
        UsageError: if there are fewer processes than one; and what the function raises.
    """
    if processes < 1:
        raise UsageError(f"expected 1 process or more; received {processes}")
    if processes == 1:
        return list(_progress(map(function, items), len(items), quiet))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(_progress(_in_order(pool, function, items, processes), len(items), quiet))


def _in_order(
    pool: ProcessPoolExecutor, function: Callable[[Item], Counts], items: Sequence[Item], processes: int
) -> Iterator[Counts]:
    """Yield results in order, with few items on their way, so that an error ends the work soon."""
    left = iter(items)
    waiting: list[Future[Counts]] = [
        pool.submit(function, one) for one in islice(left, _WAITING_A_PROCESS * processes)
    ]
    try:
        while waiting:
            yield waiting.pop(0).result()
            waiting.extend(pool.submit(function, one) for one in islice(left, 1))
    finally:
        for one in waiting:
            one.cancel()


def _progress(results: Iterable[Counts], total: int, quiet: bool) -> Iterator[Counts]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal
    yield from track(results, "matching edges", total=total, console=console, disable=hidden, transient=True)


def _count_job(
    job: tuple[
        npt.NDArray[np.generic],
        Sequence[npt.NDArray[np.generic]],
        float,
        npt.NDArray[np.float64],
        bool,
        str,
    ],
) -> Counts:
    edges, annotators, max_distance, thresholds, suppress, name = job
    return count_image(edges, annotators, max_distance, thresholds, suppress=suppress, name=name)


def _match_annotators(
    predicted: npt.NDArray[np.bool_], masks: list[npt.NDArray[np.bool_]], pixels: float
) -> tuple[int, int, int]:
    matched = np.zeros(predicted.size, np.bool_)
    found = 0
    for mask in masks:
        pairs = match_pixels(predicted, mask, pixels)
        matched[pairs.predicted] = True
        found += len(pairs)
    return found, int(matched.sum()), int(predicted.sum())


def _checked_annotators(
    annotators: Sequence[npt.NDArray[np.generic]], shape: tuple[int, ...], name: str
) -> list[npt.NDArray[np.bool_]]:
    if not len(annotators):
        raise DataError(f"{name} has no annotations; expected one annotator or more")
    masks = []
    for number, annotation in enumerate(annotators, 1):
        values = np.asarray(annotation)
        if values.shape != shape:
            raise DataError(
                f"{name} is {shape}, its annotation {number} is {values.shape}; expected one size"
            )
        if not np.isin(values, (0, 1)).all():
            raise DataError(f"annotation {number} of {name} holds other values than 0 and 1")
        masks.append(values.astype(np.bool_))
    return masks
