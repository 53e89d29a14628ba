"""Accuracy and intersection over union of a segmentation network over a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from kzoo.errors import UsageError
from kzoo.metrics.segmentation import class_accuracy, class_iou, confusion_matrix, mean_iou, pixel_accuracy

BATCH_SIZE = 8


def evaluate(model: keras.Model, data: Any) -> dict[str, float]:
    """Return mean_iou_percent, pixel_accuracy_percent, class_accuracy_percent and iou_percent_CLASS.

    The IoU of a class that is neither there nor predicted is left out.

    Args:
        model: of this room.
        data: `kzoo.data.segment_batches.SegmentExamples` or `SegmentRecords`.

    Raises:
        UsageError: as `label_maps`.
    """
    return _measure(model, data.parts(BATCH_SIZE), data.classes)


def measure(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> dict[str, float]:
    """Return what `evaluate` does, for arrays; so a trained network judges pictures that another one made.

    Args:
        model: of this room.
        images: uint8 (N, H, W, 3).
        labels: uint8 (N, H, W), 255 for pixels left out.
        classes: names.

    Raises:
        UsageError: for label maps of another size than their images, and as `label_maps`.
    """
    if labels.shape != images.shape[:3]:
        raise UsageError(f"a label map is of its image's size; received {images.shape} and {labels.shape}")
    return _measure(model, [(images, labels)], classes)


def _measure(
    model: keras.Model, parts: Iterable[tuple[np.ndarray, np.ndarray]], classes: Sequence[str]
) -> dict[str, float]:
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    for images, labels in parts:
        confusion += confusion_matrix(labels, label_maps(model, images), len(classes))
    of_classes = zip(classes, class_iou(confusion), strict=True)
    return {
        "mean_iou_percent": 100 * mean_iou(confusion),
        "pixel_accuracy_percent": 100 * pixel_accuracy(confusion),
        "class_accuracy_percent": 100 * class_accuracy(confusion),
        **{f"iou_percent_{name}": 100 * float(one) for name, one in of_classes if not np.isnan(one)},
    }


def label_maps(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the most probable class of each pixel, int64 (N, H, W), of images uint8 (N, H, W, 3).

    Raises:
        UsageError: for images of another size than that the model was built for.
    """
    expected = model.input_shape[1:3]
    if any(one not in (None, two) for one, two in zip(expected, images.shape[1:3], strict=True)):
        raise UsageError(
            f"{model.name} is built for images of {expected[0]} x {expected[1]}; received "
            f"{images.shape[1]} x {images.shape[2]}. Built with fusion_grid 'resize' it takes any size"
        )
    found = [
        keras.ops.convert_to_numpy(
            keras.ops.argmax(
                model(images[first : first + BATCH_SIZE].astype("float32"), training=False)["logits"], axis=-1
            )
        )
        for first in range(0, len(images), BATCH_SIZE)
    ]
    return np.concatenate(found).astype(np.int64)
