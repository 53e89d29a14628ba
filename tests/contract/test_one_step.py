"""A step of training changes every weight of every model."""

from __future__ import annotations

import numpy as np
import pytest
from one_step import trained_one_step
from tiny_models import tiny

from kzoo import registry


@pytest.mark.parametrize("name", registry.names())
def test_one_step_changes_every_weight(name: str) -> None:
    model, system = tiny(name), registry.find(name)
    before = [np.array(weight) for weight in model.trainable_weights]
    trained_one_step(system, model)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.all(np.isfinite(weight)), weight.path
        assert np.any(np.array(weight) != old), f"{weight.path} did not change"
