"""Compact bilinear pooling of two vectors (Gao et al. 2016; thesis algorithm 2, eq. 7.5 to 7.7)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("kzoo")
class CompactBilinearPooling(layers.Layer):
    """The outer product of two vectors, sketched to `dimension` numbers.

    Each vector's count sketch puts element j, times a sign, at place h(j); the circular convolution of the
    two sketches, taken in the frequency domain, is the count sketch of the outer product. Places and signs
    are drawn once from `seed` and saved with the model as weights that are not trained.

    Algorithm 2's second loop runs to `dimension`, where it must run over the elements of the input.

    Args:
        dimension: D, of the output.
        seed: of places and signs.

    Input: two float (N, K) and (N, L). Output: float (N, D), computed in float32 or float64.
    """

    def __init__(self, dimension: int, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dimension = dimension
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        """Draw places and signs for each input."""
        generator = np.random.default_rng(self.seed)
        self.places, self.signs = [], []
        for number, shape in enumerate(input_shape):
            places = generator.integers(0, self.dimension, shape[-1])
            signs = generator.choice([-1.0, 1.0], shape[-1])
            self.places.append(self._constant(f"places_{number}", places, "int32"))
            self.signs.append(self._constant(f"signs_{number}", signs, self.variable_dtype))

    def _constant(self, name: str, value: np.ndarray, dtype: str) -> Any:
        return self.add_weight(
            shape=value.shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(value, dtype),
            dtype=dtype,
            trainable=False,
            name=name,
        )

    def call(self, inputs: Any) -> Any:
        """Return the sketch of the outer product."""
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        sketches = [
            self._sketch(ops.cast(x, dtype), places, ops.cast(signs, dtype))
            for x, places, signs in zip(inputs, self.places, self.signs, strict=True)
        ]
        (real_a, imaginary_a), (real_b, imaginary_b) = (ops.rfft(one) for one in sketches)
        real = real_a * real_b - imaginary_a * imaginary_b
        imaginary = real_a * imaginary_b + imaginary_a * real_b
        return ops.irfft((real, imaginary), fft_length=self.dimension)

    def _sketch(self, x: Any, places: Any, signs: Any) -> Any:
        """Return the count sketch (N, D) of x (N, K)."""
        summed = ops.segment_sum(ops.transpose(x * signs), places, num_segments=self.dimension)
        return ops.transpose(summed)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """Return (N, D)."""
        return input_shape[0][0], self.dimension

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "dimension": self.dimension, "seed": self.seed}


@keras.saving.register_keras_serializable("kzoo")
class BilinearPooling(layers.Layer):
    """The outer product of two vectors (N, K) and (N, L) as (N, K * L)."""

    def call(self, inputs: Any) -> Any:
        """Return all products, those of the first vector's first element first."""
        first, second = inputs
        products = ops.expand_dims(first, 2) * ops.expand_dims(second, 1)
        return ops.reshape(products, (-1, first.shape[-1] * second.shape[-1]))


@keras.saving.register_keras_serializable("kzoo")
class SignedSquareRoot(layers.Layer):
    """sign(x) sqrt(|x|), whose gradient is bounded at 0 by a small constant under the root."""

    def call(self, x: Any) -> Any:
        """Return the root, in the shape of `x`."""
        return ops.sign(x) * (ops.sqrt(ops.abs(x) + 1e-8) - 1e-4)
