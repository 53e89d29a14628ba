"""Edge maps in a folder against annotations in another, read by the processes that match them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kzoo.boundary_files import KINDS, decoded, read_boundaries, read_soft_map
from kzoo.errors import DataError
from kzoo.metrics.boundaries.evaluate import count_image, over_processes
from kzoo.metrics.boundaries.summary import BoundaryResult, Counts, default_thresholds, summarize


@dataclass(frozen=True)
class _Job:
    maps: Path
    annotation: Path
    max_distance: float
    thresholds: npt.NDArray[np.float64]
    suppress: bool


def evaluate_folders(
    maps: Path,
    annotations: Path,
    max_distance: float = 0.0075,
    *,
    thresholds: int = 99,
    suppress: bool = False,
    processes: int = 1,
    quiet: bool = False,
) -> BoundaryResult:
    """Return ODS, OIS and average precision of the edge maps of a folder.

    Args:
        maps: with NAME.png, 8 or 16 bits a pixel, or NAME.npy, floats from 0 to 1.
        annotations: with NAME.mat as those of BSDS500, or NAME.png, not 0 on boundaries; all count.
        max_distance, suppress, processes, quiet: as `kzoo.metrics.boundaries.evaluate`.
        thresholds: how many.

    Raises:
        DataError: if there is no annotation, one has no map, or a file is not as said; the message names it.
        UsageError: as `kzoo.metrics.boundaries.evaluate`.
    """
    found = sorted(one for kind in ("mat", "png") for one in annotations.glob(f"*.{kind}"))
    if not found:
        raise DataError(f"there is no annotation in {annotations}; expected NAME.mat or NAME.png an image")
    for one in found:
        if not any((maps / f"{one.stem}{kind}").is_file() for kind in KINDS):
            raise DataError(f"{one} has no edge map: there is no {one.stem}.png or .npy in {maps}")
    levels = default_thresholds(thresholds)
    jobs = [_Job(maps, one, max_distance, levels, suppress) for one in found]
    return summarize(over_processes(_count_files, jobs, processes=processes, quiet=quiet), levels)


def _count_files(job: _Job) -> Counts:
    name = job.annotation.stem
    if job.annotation.suffix == ".mat":
        annotators = read_boundaries(job.annotation)
    else:
        annotators = (decoded(job.annotation, "L") > 0)[None]
    size = annotators.shape[1:]
    edges = read_soft_map(job.maps, name, (size[0], size[1]))
    return count_image(
        edges, list(annotators), job.max_distance, job.thresholds, suppress=job.suppress, name=name
    )
