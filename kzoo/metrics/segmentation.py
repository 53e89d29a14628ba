"""Measures of label maps from one confusion matrix (thesis eq. 2.14; Long, Shelhamer and Darrell 2015)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError

IGNORED = 255

Confusion = npt.NDArray[np.int64]


def confusion_matrix(
    labels: npt.NDArray[np.integer],
    predictions: npt.NDArray[np.integer],
    classes: int,
    *,
    ignored: int = IGNORED,
) -> Confusion:
    """Return how many pixels of each class (rows) were given each class (columns), int64 (C, C).

    Args:
        labels: integers of any shape, 0 to C - 1, or `ignored`.
        predictions: the same shape, 0 to C - 1 wherever the label is not ignored.
        classes: C.
        ignored: label of pixels that count for nothing.

    Raises:
        UsageError: if the shapes differ, or a label or prediction is no class.
    """
    if labels.shape != predictions.shape:
        raise UsageError(f"expected label maps of one shape; received {labels.shape}, {predictions.shape}")
    counted = labels != ignored
    rows, columns = labels[counted].astype(np.int64), predictions[counted].astype(np.int64)
    for what, found in (("label", rows), ("prediction", columns)):
        wrong = found[(found < 0) | (found >= classes)]
        if wrong.size:
            raise UsageError(f"{what} {wrong[0]} is no class; expected 0 to {classes - 1}")
    return np.bincount(rows * classes + columns, minlength=classes**2).reshape(classes, classes)


def pixel_accuracy(confusion: Confusion) -> float:
    """Return the share of pixels with the right class; NaN without pixels."""
    return float(_ratio(np.trace(confusion), confusion.sum()))


def class_accuracy(confusion: Confusion) -> float:
    """Return the mean over the classes that occur of the share of their pixels with the right class."""
    return _mean(_ratio(np.diagonal(confusion), confusion.sum(axis=1)))


def class_iou(confusion: Confusion) -> npt.NDArray[np.float64]:
    """Return TP / (TP + FP + FN) of each class, float64 (C,); NaN for one neither there nor predicted."""
    right = np.diagonal(confusion)
    return _ratio(right, confusion.sum(axis=0) + confusion.sum(axis=1) - right)


def mean_iou(confusion: Confusion) -> float:
    """Return the mean of `class_iou` over the classes that are there or predicted."""
    return _mean(class_iou(confusion))


def _ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> npt.NDArray[np.float64]:
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _mean(values: npt.NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
