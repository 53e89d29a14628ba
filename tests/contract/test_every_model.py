"""Every registered model, by its tiny variant: its metadata, its file, its outputs, its features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from reference_outputs import REFERENCE, arrays_of, reference_output
from tiny_models import inputs, tiny

import kzoo
from kzoo import registry

NAMES = registry.names()


@pytest.mark.parametrize("name", NAMES)
def test_metadata_is_what_the_model_is(name: str) -> None:
    system = registry.find(name)
    model = kzoo.create(name)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == system.parameters
    assert model.name == name
    assert {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs} == system.input_shapes
    names = [layer.name for layer in model.layers]
    assert len(set(names)) == len(names)
    assert set(system.features.values()) <= set(names)
    assert system.card_text.is_file()
    assert system.recipes


@pytest.mark.parametrize("name", NAMES)
def test_save_and_reload_equal(name: str, tmp_path: Path) -> None:
    model, system = tiny(name), registry.find(name)
    x = inputs(system, model)
    model.save(tmp_path / "model.keras")
    again = kzoo.load(tmp_path / "model.keras")
    expected = arrays_of(model(x, training=False))
    for key, value in arrays_of(again(x, training=False)).items():
        np.testing.assert_array_equal(value, expected[key])


@pytest.mark.parametrize("name", NAMES)
def test_frozen_reference_outputs(name: str) -> None:
    reference = json.loads(REFERENCE.read_text(encoding="utf-8"))[name]
    found = reference_output(name)
    assert found.keys() == reference.keys()
    for key, value in found.items():
        np.testing.assert_allclose(value, reference[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_features_are_finite_and_named(name: str) -> None:
    system, model = registry.find(name), tiny(name)
    found = kzoo.features(model, list(system.features))(inputs(system, model)) if system.features else {}
    assert set(found) == set(system.features)
    assert all(np.all(np.isfinite(value)) for value in found.values())
