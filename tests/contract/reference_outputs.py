"""What the tiny variants give with weights that are the same everywhere, and the file that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tiny_models import inputs, tiny

from kzoo import registry

REFERENCE = Path(__file__).with_name("reference_outputs.json")


def reference_output(name: str) -> dict[str, list]:
    """Return the outputs of the tiny variant with weights that no random generator makes.

    Computed in float64: in float32 processors sum in different orders, and networks that feed one another,
    as a cycle's do, make up to 2e-2 of that.
    """
    system = registry.find(name)
    keras.config.set_dtype_policy("float64")
    try:
        model = tiny(name)
    finally:
        keras.config.set_dtype_policy("float32")
    for number, weight in enumerate(model.weights):
        if "float" not in weight.dtype:
            continue
        shape = tuple(weight.shape)
        fan_in = max(1, np.prod(shape[:-1], dtype=int))
        values = np.sin(np.arange(np.prod(shape, dtype=int)) * 0.7 + number) / np.sqrt(fan_in)
        weight.assign(np.abs(values).reshape(shape) if "variance" in weight.path else values.reshape(shape))
    given = tf.nest.map_structure(lambda array: tf.cast(array, tf.float64), inputs(system, model))
    outputs = arrays_of(model(given, training=False))
    if system.judgements_reference:
        outputs = {key: value[:2, ::8, ::8] for key, value in outputs.items()}
    return {key: value.astype("float64").round(7).tolist() for key, value in outputs.items()}


def arrays_of(outputs: Any) -> dict[str, np.ndarray]:
    found = outputs if isinstance(outputs, Mapping) else {"output": outputs}
    return {name: keras.ops.convert_to_numpy(value) for name, value in found.items()}
