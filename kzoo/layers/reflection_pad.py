"""Padding by reflection, which leaves no frame of zeros in a generated picture."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("kzoo")
class ReflectionPad2D(keras.layers.Layer):
    """Pads height and width by mirroring at the border, whose own row or column is not repeated.

    Args:
        padding: pixels on each of the four sides, at least 1.

    Input (N, H, W, C) with H and W above `padding`, output (N, H + 2 padding, W + 2 padding, C).

    Raises:
        ValueError: for a padding below 1, an input that is no image, or one that is too small to mirror.
    """

    def __init__(self, padding: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if padding < 1:
            raise ValueError(f"{self.name}: padding must be at least 1; received {padding}")
        self.padding = padding

    def call(self, inputs: Any) -> Any:
        """Return the padded images."""
        sides = (self.padding, self.padding)
        return ops.pad(inputs, ((0, 0), sides, sides, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the padded images."""
        if len(input_shape) != 4:
            raise ValueError(f"{self.name}: expected images (N, H, W, C); received shape {input_shape}")
        batch, *size, channels = input_shape
        for pixels in size:
            if pixels is not None and pixels <= self.padding:
                raise ValueError(
                    f"{self.name}: a padding of {self.padding} needs more than {self.padding} pixels a side; "
                    f"received shape {input_shape}"
                )
        return (batch, *(pixels and pixels + 2 * self.padding for pixels in size), channels)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "padding": self.padding}
