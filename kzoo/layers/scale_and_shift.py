"""The affine part of a normalisation as a layer of its own, so that several normalisations can share it."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("kzoo")
class ScaleAndShift(layers.Layer):
    """Multiplies each channel by a weight that begins at 1 and adds one that begins at 0; shape is kept."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make a scale and a shift a channel."""
        channels = (input_shape[-1],)
        self.gamma = self.add_weight(shape=channels, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=channels, initializer="zeros", name="beta")

    def call(self, x: Any) -> Any:
        """Return gamma * x + beta."""
        return x * self.gamma + self.beta
