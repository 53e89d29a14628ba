"""FCN score: how well a segmentation network trained on real pictures reads those that a translator made."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from kzoo.data.domains import labels_from_colors
from kzoo.data.label_sets import Color
from kzoo.errors import UsageError
from kzoo.systems.cfn.segmentation_evaluate import measure
from kzoo.systems.cyclegan.evaluate import translated

PRINTED = {
    "pixel_accuracy_b": "pixel_accuracy_percent",
    "class_accuracy_b": "class_accuracy_percent",
    "class_iou_b": "mean_iou_percent",
}


def fcn_score(
    translator: keras.Model, judge: keras.Model, label_pictures: np.ndarray, colors: Mapping[str, Color]
) -> dict[str, float]:
    """Return pixel_accuracy_b, class_accuracy_b and class_iou_b, 0 to 1, as thesis table 8.1 prints them.

    Pictures of B are made from label maps; the judge segments them, and what it finds is compared with the
    label maps that they were made from (Isola et al. 2017). Scores by different judges do not compare.

    Args:
        translator: of the CycleGAN family, A the label maps and B the pictures.
        judge: `fcn8s`, or another segmentation network, trained on real pictures of B and these classes.
        label_pictures: label maps in these colours, uint8 (N, H, W, 3).
        colors: class to colour, in the judge's order.

    Raises:
        UsageError: if the judge has another number of classes, or was built for another size.
    """
    found = judge.output["logits"].shape[-1]
    if found != len(colors):
        names = ", ".join(colors)
        raise UsageError(f"the judge tells {found} classes apart; expected {len(colors)}: {names}")
    return _score(judge, translated(translator, "b", label_pictures), label_pictures, colors)


def oracle_score(
    judge: keras.Model, pictures: np.ndarray, label_pictures: np.ndarray, colors: Mapping[str, Color]
) -> dict[str, float]:
    """Return the score of real pictures, uint8 (N, H, W, 3), which no translator is expected to pass."""
    return _score(judge, pictures, label_pictures, colors)


def _score(
    judge: keras.Model, pictures: np.ndarray, label_pictures: np.ndarray, colors: Mapping[str, Color]
) -> dict[str, float]:
    labels = labels_from_colors(label_pictures, colors)
    measured = measure(judge, pictures, labels, tuple(colors))
    return {name: measured[percent] / 100 for name, percent in PRINTED.items()}
