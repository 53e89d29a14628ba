"""From counts of matched pixels to ODS, OIS and AP, with the public benchmark's interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kzoo.errors import DataError, UsageError

Array = npt.NDArray[np.float64]
CountArray = npt.NDArray[np.int64]
_STEPS_BETWEEN_THRESHOLDS = 100
_RECALLS = np.arange(101) / 100


@dataclass(frozen=True)
class Counts:
    """Pixels of one image, or of many together, at each threshold: int64 (T,).

    Attributes:
        found: annotated pixels that were matched, summed over the annotators.
        annotated: annotated pixels, summed over the annotators.
        right: predicted pixels that were matched with some annotator's.
        predicted: predicted pixels.
    """

    found: CountArray
    annotated: CountArray
    right: CountArray
    predicted: CountArray

    @property
    def recall(self) -> Array:
        """Share of annotated pixels that were found, 0 where there are none: float64 (T,)."""
        return _share(self.found, self.annotated)

    @property
    def precision(self) -> Array:
        """Share of predicted pixels that are right, 0 where there are none: float64 (T,)."""
        return _share(self.right, self.predicted)

    def table(self) -> CountArray:
        """Return the four counts as columns: int64 (T, 4)."""
        return np.stack([self.found, self.annotated, self.right, self.predicted], axis=1)


@dataclass(frozen=True)
class Point:
    """A place on a curve of precision over recall."""

    threshold: float
    recall: float
    precision: float
    f: float


@dataclass(frozen=True)
class Curve:
    """Precision and recall at each threshold: float64 (T,), thresholds rising."""

    thresholds: Array
    recall: Array
    precision: Array

    def best(self) -> Point:
        """Return the point of greatest F, with a hundred steps of linear interpolation between thresholds.

        Of points whose F is the same to eight digits, the one of lowest threshold: published curves have six
        digits, and more would be decided by their rounding.
        """
        share = np.linspace(0, 1, _STEPS_BETWEEN_THRESHOLDS)
        thresholds, recall, precision = (
            (one[:-1, None] * (1 - share) + one[1:, None] * share).ravel() if len(one) > 1 else one
            for one in (self.thresholds, self.recall, self.precision)
        )
        f = f_measure(recall, precision)
        place = int(np.argmax(np.round(f, 8)))
        return Point(*(float(one[place]) for one in (thresholds, recall, precision, f)))

    def average_precision(self) -> float:
        """Return the mean of precision at the recalls 0, 0.01, ... 1, 0 to 1.

        Precision is interpolated linearly, and is 0 outside the recalls that were measured; of equal
        recalls the highest threshold's precision counts.
        """
        recall, last = np.unique(self.recall[::-1], return_index=True)
        if len(recall) < 2:
            return 0.0
        precision = self.precision[::-1][last]
        return float(np.sum(np.interp(_RECALLS, recall, precision, left=0, right=0)) / 100)


@dataclass(frozen=True)
class BoundaryResult:
    """What the benchmark says of a set of images.

    Attributes:
        curve: of all images together.
        ods: best point of one threshold for all images.
        ois: recall, precision and F with each image at its own best threshold; 0 to 1.
        average_precision: of the curve, 0 to 1.
        images: best point of each image.
        counts: of all images together.
    """

    curve: Curve
    ods: Point
    ois: tuple[float, float, float]
    average_precision: float
    images: tuple[Point, ...]
    counts: Counts

    def metrics(self) -> dict[str, float]:
        """Return ods, ois and ap by the names that the thesis uses."""
        return {"ods": self.ods.f, "ois": self.ois[2], "ap": self.average_precision}

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain numbers."""
        recall, precision, f = self.ois
        return {
            **self.metrics(),
            "ods_point": asdict(self.ods),
            "ois_point": {"recall": recall, "precision": precision, "f": f},
            "images": [asdict(point) for point in self.images],
            "thresholds": self.curve.thresholds.tolist(),
            "recall": self.curve.recall.tolist(),
            "precision": self.curve.precision.tolist(),
            "counts": {name: values.tolist() for name, values in asdict(self.counts).items()},
        }


def f_measure(recall: Array, precision: Array) -> Array:
    """Return the harmonic mean of recall and precision, 0 where both are 0."""
    total = recall + precision
    return np.divide(2 * recall * precision, total, out=np.zeros_like(total), where=total > 0)


def default_thresholds(count: int = 99) -> Array:
    """Return `count` thresholds evenly inside 0 to 1: 0.01 to 0.99 for 99.

    Raises:
        UsageError: if there is none.
    """
    if count < 1:
        raise UsageError(f"expected 1 threshold or more; received {count}")
    return np.arange(1, count + 1) / (count + 1)


def summarize(images: Sequence[Counts], thresholds: Array) -> BoundaryResult:
    """Return the benchmark's figures of a set of images.

    OIS takes the counts of each image at its best threshold, the highest of equal ones.

    Args:
        images: counts of each, one image or more.
        thresholds: float (T,), those of the counts.

    Raises:
        UsageError: if there is no image, or counts of another number of thresholds.
    """
    if not images:
        raise UsageError("there is no image to evaluate; expected one or more")
    for one in images:
        if one.table().shape != (len(thresholds), 4):
            raise UsageError(f"counts of {len(one.found)} thresholds; expected {len(thresholds)}")
    total = Counts(*np.sum([one.table() for one in images], axis=0).T)
    at_best = np.sum([one.table()[_last_best(one)] for one in images], axis=0)
    best = Counts(*at_best.reshape(4, 1))
    curve = Curve(thresholds, total.recall, total.precision)
    f = f_measure(best.recall, best.precision)
    return BoundaryResult(
        curve=curve,
        ods=curve.best(),
        ois=(float(best.recall[0]), float(best.precision[0]), float(f[0])),
        average_precision=curve.average_precision(),
        images=tuple(Curve(thresholds, one.recall, one.precision).best() for one in images),
        counts=total,
    )


def read_curve(path: Path) -> Curve:
    """Read a curve from lines of threshold, recall and precision; lines that begin with # are left out.

    Raises:
        DataError: if the file cannot be read, a line is anything else, a number is outside 0 to 1, or
            thresholds do not rise.
    """
    try:
        rows = [line.split() for line in path.read_text("utf-8").splitlines() if line and line[0] != "#"]
        table = np.array([[float(word) for word in row] for row in rows])
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a curve: {error}") from error
    if table.ndim != 2 or table.shape[1] != 3:
        raise DataError(f"{path}: expected threshold, recall and precision on each line")
    if not (np.all((table >= 0) & (table <= 1)) and np.all(np.diff(table[:, 0]) > 0)):
        raise DataError(f"{path}: expected numbers from 0 to 1 and rising thresholds")
    return Curve(*table.T)


def _last_best(counts: Counts) -> int:
    f = f_measure(counts.recall, counts.precision)
    return len(f) - 1 - int(np.argmax(f[::-1]))


def _share(part: CountArray, whole: CountArray) -> Array:
    return part / np.maximum(whole, 1)
