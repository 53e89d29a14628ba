"""How well RRF-Net finds texts by images and images by texts, alone and as an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from kzoo.metrics.matching import measures

CHUNK = 1024


def evaluate(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return `kzoo.metrics.matching.measures` over a split, as `PairSource.arrays` gives it."""
    return measures(similarity(model, arrays), arrays["image_index"])


def evaluate_ensemble(models: Sequence[keras.Model], arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return what `evaluate` does, of the mean similarity of several models."""
    found = ensemble([similarity(model, arrays) for model in models])
    return measures(found, arrays["image_index"])


def similarity(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the cosines float32 (N, M) of all images and captions."""
    image, text = (_embed(model, side, arrays[side]) for side in ("image", "text"))
    return image @ text.T


def ensemble(similarities: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean similarity of several models, as of T = 1..4 (thesis eq. 5.11)."""
    return np.mean(np.stack(similarities), axis=0)


def _embed(model: keras.Model, side: str, features: np.ndarray) -> np.ndarray:
    part = keras.Model(model.input[side], model.output[f"{side}_embedding"])
    chunks = [features[start : start + CHUNK] for start in range(0, len(features), CHUNK)]
    return np.concatenate([keras.ops.convert_to_numpy(part(one, training=False)) for one in chunks])
