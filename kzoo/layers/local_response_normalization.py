"""Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("kzoo")
class LocalResponseNormalization(layers.Layer):
    """Divides x[c] by (bias + alpha * sum of x[c']**2)**beta, c' no further than `radius` from c.

    In and out: float (..., C). The default numbers are those of Caffe's AlexNet, whose alpha of 1e-4 is
    divided by the five channels of the sum.
    """

    def __init__(
        self, radius: int = 2, bias: float = 1.0, alpha: float = 2e-5, beta: float = 0.75, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.radius, self.bias, self.alpha, self.beta = radius, bias, alpha, beta

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return x normalised."""
        channels = x.shape[-1]
        sides = [(0, 0)] * (len(x.shape) - 1) + [(self.radius, self.radius)]
        squares = ops.pad(ops.square(x), sides)
        total = sum(squares[..., shift : shift + channels] for shift in range(2 * self.radius + 1))
        return x / ops.power(self.bias + self.alpha * total, self.beta)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        numbers = {name: getattr(self, name) for name in ("radius", "bias", "alpha", "beta")}
        return {**super().get_config(), **numbers}
