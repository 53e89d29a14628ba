"""Named features: the outputs of inner layers under the names that a system makes public."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kzoo import registry
from kzoo.errors import UnknownNameError


def feature_model(model: keras.Model, names: str | Sequence[str]) -> keras.Model:
    """See `kzoo.features`."""
    if isinstance(names, str):
        return keras.Model(model.input, _output(model, names), name=f"{model.name}_{names}")
    outputs = {name: _output(model, name) for name in names}
    return keras.Model(model.input, outputs, name=f"{model.name}_features")


def _output(model: keras.Model, name: str) -> keras.KerasTensor:
    public = registry.find(model.name).features if model.name in registry.names() else {}
    layers = {layer.name: layer for layer in model.layers}
    layer = public.get(name, name)
    if layer not in layers:
        raise UnknownNameError(f"feature of {model.name}", name, [*public, *layers])
    return layers[layer].output
