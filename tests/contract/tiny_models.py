"""Tiny variants of the registered models, with patterns to feed them that are the same everywhere."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kzoo import registry
from kzoo.data.pipeline import normalize
from kzoo.system import System

CLASSES = ("apple", "pear", "plum")
ROWS = 6
ANY_SIZE = 45


def tiny(name: str, **options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    system = registry.find(name)
    classes = {"classes": len(CLASSES)} if "classes" in system.options else {}
    model = system.build(**{**system.tiny, **classes, **options})
    if system.task in ("edges", "segmentation"):
        let_gradients_through(model)
    return model


def let_gradients_through(model: keras.Model) -> None:
    """Set scores, which begin at 0 and hold back all gradients in the first step, to other values."""
    for layer in model.layers:
        if layer.name.startswith("score_"):
            kernel, bias = layer.get_weights()
            waves = np.cos(0.7 * np.arange(kernel.size)).reshape(kernel.shape)
            layer.set_weights([0.1 * waves, bias])


def pictures(system: System, count: int = ROWS) -> np.ndarray:
    """Return smooth coloured patterns, uint8 (count, H, W, 3), the same everywhere."""
    any_size = 48 if system.judgements_reference else ANY_SIZE
    size = system.tiny.get("image_size", next(iter(system.input_shapes.values()))[:2])
    height, width = (side or any_size for side in size)
    rows, columns, numbers = np.mgrid[0:height, 0:width, 0 : count * 3].astype("float64")
    waves = np.sin(rows * (1 + numbers) / 7 + columns * (numbers - count) / 5)
    return np.moveaxis((waves * 127 + 128).reshape(height, width, count, 3), 2, 0).astype(np.uint8)


def inputs(system: System, model: keras.Model) -> Any:
    """Return what goes into the tiny variant: normalised pictures, or features by name."""
    if system.task in ("edges", "segmentation"):
        return {"image": pictures(system).astype("float32")}
    if system.task == "translation":
        first, second = np.split(pictures(system, 2 * ROWS).astype("float32") / 127.5 - 1, 2)
        return {"a": first, "b": second}
    if system.task == "swap":
        waves = np.split(pictures(system, 5 * ROWS).astype("float32") / 127.5 - 1, 5)
        segments = np.concatenate([wave[..., :1] > 0 for wave in waves], axis=-1).astype("float32")
        found = dict(zip(("condition", "reference", "reference_pose"), waves, strict=False))
        return {name: found.get(name, segments) for name in system.inputs}
    if system.image_size is not None:
        return normalize(pictures(system), system.normalization)
    return {
        tensor.name: np.sin(np.mgrid[0:ROWS, 0 : tensor.shape[-1]].prod(axis=0) * 0.7 + 1).astype("float32")
        for tensor in model.inputs
    }


def targets(system: System) -> Any:
    if system.task == "edges":
        drawn = pictures(system)[..., 0] > 200
        return {"edges": drawn.astype(np.uint8), "sides": np.stack([drawn.astype(np.uint8)] * 5, axis=1)}
    if system.task == "translation":
        return {}
    if system.task == "swap":
        mask = (pictures(system)[..., :1] > 100).astype("float32")
        return {"condition_mask": mask, "reference_mask": 1 - mask}
    if system.task == "segmentation":
        return {"labels": pictures(system)[..., 0] // 86}
    labels = np.arange(ROWS) % len(CLASSES)
    return {"image_index": np.arange(ROWS), "label": labels} if system.task == "matching" else labels
