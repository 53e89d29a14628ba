"""Measures of a classifier: error rates, confusion, loss.

Source: thesis sections 2.4.1 and 2.4.2, tables 2.2 to 2.4, which print top-1 and top-5 error in percent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kzoo.errors import UsageError

if TYPE_CHECKING:
    import keras

TOP = 5


def error_percent(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return how many of 100 examples are assigned to a wrong class.

    Args:
        labels, predictions: class indices, integers (N,), N >= 1.

    Raises:
        UsageError: if there are none, they differ in length, or are no integers.
    """
    labels, predictions = (
        _classes("labels", labels),
        _classes("predictions", predictions),
    )
    _same_length(labels, predictions)
    return 100.0 * float(np.mean(labels != predictions))


def top_k_error_percent(labels: np.ndarray, scores: np.ndarray, k: int) -> float:
    """Return how many of 100 examples have their class not among the k highest scores.

    Of equal scores that of the lower class index counts as higher, so that k = 1 agrees with the
    predictions of `np.argmax`.

    Args:
        labels: class indices, integers (N,).
        scores: any monotone score of each class, finite float (N, classes).
        k: 1 to classes.

    Raises:
        UsageError: for a k or a label out of its range, and for scores that are not finite.
    """
    labels, scores = _labels_and_scores(labels, scores)
    if not 1 <= k <= scores.shape[1]:
        raise UsageError(f"k must lie in 1..{scores.shape[1]}, the number of classes; received {k}")
    own = scores[np.arange(len(labels)), labels][:, None]
    indices = np.arange(scores.shape[1])[None, :]
    before = (scores > own) | ((scores == own) & (indices < labels[:, None]))
    return 100.0 * float(np.mean(before.sum(axis=1) >= k))


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Return how often each class (row) was taken for each class (column), int64 (classes, classes).

    Raises:
        UsageError: for a label or a prediction outside 0..classes - 1, and as `error_percent` does.
    """
    labels, predictions = (
        _classes("labels", labels),
        _classes("predictions", predictions),
    )
    _same_length(labels, predictions)
    for name, indices in (("labels", labels), ("predictions", predictions)):
        _in_range(name, indices, classes)
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predictions), 1)
    return counts


def cross_entropy(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the mean of -log softmax(logits)[label], in nats.

    Args:
        labels: class indices, integers (N,).
        logits: finite float (N, classes), computed in float64.
    """
    labels, logits = _labels_and_scores(labels, logits)
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sum - shifted[np.arange(len(labels)), labels]))


def majority_accuracy(labels: np.ndarray) -> float:
    """Return the share of the commonest label: the best that any constant answer reaches on these labels."""
    labels = _classes("labels", labels)
    return float(np.bincount(labels).max() / len(labels))


def measures(labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Return error_percent, accuracy (0 to 1), loss (nats) and majority_accuracy by name.

    For more than five classes there is top_5_error_percent too.

    Args:
        labels: class indices, integers (N,).
        logits: finite float (N, classes).

    Raises:
        UsageError: for logits that are not finite, and for labels that do not fit them.
    """
    labels, logits = _labels_and_scores(labels, logits)
    error = error_percent(labels, logits.argmax(axis=1))
    found = {
        "error_percent": error,
        "accuracy": 1.0 - error / 100.0,
        "loss": cross_entropy(labels, logits),
        "majority_accuracy": majority_accuracy(labels),
    }
    if logits.shape[1] > TOP:
        found["top_5_error_percent"] = top_k_error_percent(labels, logits, TOP)
    return found


def evaluate(model: keras.Model, batches: Iterable[Any]) -> dict[str, float]:
    """Return the `measures` of a model that gives logits, over batches of (normalised image, label)."""
    return measures(*labels_and_logits(model, batches))


def labels_and_logits(model: keras.Model, batches: Iterable[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Run a model over batches of (normalised image, label), as it does at inference.

    Returns:
        labels int64 (N,) and logits (N, classes), in the order of the batches.

    Raises:
        UsageError: if there is no batch.
    """
    import keras

    labels, logits = [], []
    for image, label in batches:
        logits.append(keras.ops.convert_to_numpy(logits_of(model(image, training=False))))
        labels.append(keras.ops.convert_to_numpy(label))
    if not labels:
        raise UsageError("expected one batch or more to evaluate on; received none")
    return np.concatenate(labels).astype(np.int64), np.concatenate(logits)


def logits_of(outputs: Any) -> Any:
    """Return the logits that a classifier predicts by: its output, or of several the one called "logits"."""
    return outputs["logits"] if isinstance(outputs, Mapping) else outputs


def _classes(name: str, indices: Any) -> np.ndarray:
    indices = np.asarray(indices)
    if indices.ndim != 1 or not len(indices) or not np.issubdtype(indices.dtype, np.integer):
        raise UsageError(f"{name} must be integers (N,), N >= 1; received {indices.dtype} {indices.shape}")
    return indices


def _same_length(labels: np.ndarray, others: np.ndarray) -> None:
    if len(labels) != len(others):
        raise UsageError(f"expected as many predictions as labels; received {len(others)} and {len(labels)}")


def _in_range(name: str, indices: np.ndarray, classes: int) -> None:
    if indices.min() < 0 or indices.max() >= classes:
        raise UsageError(f"{name} must lie in 0..{classes - 1}; received {indices.min()} to {indices.max()}")


def _labels_and_scores(labels: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = _classes("labels", labels), np.asarray(scores)
    if scores.ndim != 2:
        raise UsageError(f"scores must be (N, classes); received shape {scores.shape}")
    _same_length(labels, scores)
    _in_range("labels", labels, scores.shape[1])
    broken = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(broken):
        raise UsageError(
            f"scores must be finite; {len(broken)} of {len(scores)} examples have others, the first is "
            f"example {broken[0]}: {scores[broken[0]].tolist()}"
        )
    return labels, scores
