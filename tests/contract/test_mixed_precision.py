"""Every model trains in half precision."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from one_step import trained_one_step
from tiny_models import tiny

from kzoo import registry


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains(name: str, policy: str) -> None:
    """Without a graph, whose making takes longest and depends little on the policy."""
    keras.config.set_dtype_policy(policy)
    tf.config.run_functions_eagerly(run_eagerly=True)
    try:
        model = tiny(name)
        fitted = trained_one_step(registry.find(name), model)
    finally:
        tf.config.run_functions_eagerly(run_eagerly=False)
        keras.config.set_dtype_policy("float32")
    assert all(np.isfinite(value) for value in fitted.get_metrics_result().values())
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    assert {tensor.dtype for tensor in model.outputs} == {"float32"}
