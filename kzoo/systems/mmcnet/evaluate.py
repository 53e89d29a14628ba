"""How well MMC-Net, MM-Net and MC-Net find and classify."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from kzoo.errors import UsageError
from kzoo.metrics.matching import average_precision, measures

CHUNK = 1024
THRESHOLD = 0.5


def evaluate(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return what the thesis reports of a split, as `PairSource.arrays` gives it.

    Returns:
        With embeddings, `kzoo.metrics.matching.measures`. With logits and one label an image, accuracy: the
        percentage of pairs of a caption and its image whose likeliest class is right. With several labels,
        average_precision, its mean over the classes that have a positive, in percent, and accuracy, the
        percentage of right decisions at the probability .5.

    Raises:
        UsageError: if there are logits and no labels.
    """
    found: dict[str, float] = {}
    if "image_embedding" in model.output:
        image, text = (
            _outputs(model, (side,), f"{side}_embedding", arrays[side]) for side in ("image", "text")
        )
        found |= measures(image @ text.T, arrays["image_index"])
    if "logits" in model.output:
        if "label" not in arrays:
            raise UsageError(f"{model.name} classifies, and the data have no labels")
        label = arrays["label"][arrays["image_index"]]
        found |= classification_measures(logits(model, arrays), label)
    return found


def logits(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the logits (M, C) of each caption with its image."""
    by_pair = {"image": arrays["image"][arrays["image_index"]], "text": arrays["text"]}
    sides = tuple(model.input)
    return _outputs(model, sides, "logits", *(by_pair[side] for side in sides))


def classification_measures(scores: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """Return accuracy, and average_precision of several labels, in percent.

    Args:
        scores: logits (M, C).
        label: int (M,), or (M, C) of 0 and 1.
    """
    if label.ndim == 1:
        return {"accuracy": 100 * float(np.mean(scores.argmax(axis=1) == label))}
    decided = scores > np.log(THRESHOLD / (1 - THRESHOLD))
    return {
        "average_precision": 100 * float(np.nanmean(average_precision(scores, label))),
        "accuracy": 100 * float(np.mean(decided == (label > 0))),
    }


def _outputs(model: keras.Model, sides: tuple[str, ...], output: str, *features: np.ndarray) -> np.ndarray:
    part = keras.Model([model.input[side] for side in sides], model.output[output])
    chunks = [
        part([one[start : start + CHUNK] for one in features], training=False)
        for start in range(0, len(features[0]), CHUNK)
    ]
    return np.concatenate([keras.ops.convert_to_numpy(chunk) for chunk in chunks])
