"""How well CycleMatch finds texts by images and images by texts, by each way of late fusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kzoo.metrics.matching import measures, measures_of_both_ways
from kzoo.systems.cyclematch.late_fusion import STRATEGIES, adaptive, average, scores
from kzoo.systems.cyclematch.spaces import image_spaces, text_spaces


def evaluate(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return `kzoo.metrics.matching.measures` over a split, as `PairSource.arrays` gives it.

    Without a prefix they are of two scores averaged, as in table 6.2, and of the latent score where there is
    no other. The recalls of the other ways (table 6.3) have their names before them: "one_score_",
    "two_score_adaptive_", "three_score_average_", "three_score_adaptive_".
    """
    found, index = similarities(model, arrays), arrays["image_index"]
    if set(found) == {"latent"}:
        return measures(found["latent"], index)
    results: dict[str, float] = {}
    for strategy, spaces in STRATEGIES.items():
        fused = [found[space] for space in spaces]
        mean = measures(keras.ops.convert_to_numpy(average(fused)), index)
        if len(spaces) == 1:
            results |= _recalls(mean, f"{strategy}_")
            continue
        results |= mean if strategy == "two_score" else _recalls(mean, f"{strategy}_average_")
        by_image, by_text = (keras.ops.convert_to_numpy(adaptive(fused, axis)) for axis in (1, 0))
        both_ways = measures_of_both_ways(by_image, by_text, index)
        results |= _recalls(both_ways, f"{strategy}_adaptive_")
    return results


def similarities(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the cosines (N, M) of all images and captions in each space that the model has."""
    images = image_spaces(model)(arrays["image"], training=False)
    texts = text_spaces(model)(arrays["text"], training=False)
    return {space: keras.ops.convert_to_numpy(value) for space, value in scores(images, texts).items()}


def _recalls(found: Mapping[str, Any], prefix: str) -> dict[str, float]:
    return {prefix + name: value for name, value in found.items() if "_r@" in name or name == "r_sum"}
