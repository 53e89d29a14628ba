"""Recurrent residual fusion of a dense layer (thesis 5.3, eq. 5.1 to 5.6)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kzoo.errors import UsageError

FUSIONS = ("none", "sum", "conv")


@keras.saving.register_keras_serializable("kzoo")
class RecurrentResidualFusion(layers.Layer):
    """Applies h(x) = relu(norm_t(dense(x))) + x again and again, and fuses all outputs.

    The dense layer is shared over t = 0..T, the batch normalisations are not. x_0 is the input and
    x_t = h(x_(t-1)); the T + 1 outputs h(x_0)..h(x_T) are fused.

    Args:
        steps: T, 1 or more.
        fusion: "none" takes the last output, "sum" adds them, "conv" weights them by one 1x1 convolution over
            the stack (T + 1 weights and a bias, that begin at 1 / (T + 1) and 0), with batch normalisation
            and ReLU after it, as the published network has.
        norm_momentum: of the batch normalisations' moving statistics.

    Input and output: float (N, K).

    Raises:
        UsageError: for another fusion, or steps below 1.
    """

    def __init__(self, steps: int, fusion: str = "conv", norm_momentum: float = 0.99, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if fusion not in FUSIONS or steps < 1:
            raise UsageError(
                f"expected steps of 1 or more and a fusion of {', '.join(FUSIONS)}; received {steps} and "
                f"{fusion!r}"
            )
        self.steps = steps
        self.fusion = fusion
        self.norm_momentum = norm_momentum

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the shared dense layer, a normalisation a step, and the fusion."""
        width = input_shape[-1]
        self.dense = layers.Dense(width, dtype=self.dtype_policy, name="dense")
        self.dense.build(input_shape)
        self.norms = [
            layers.BatchNormalization(
                momentum=self.norm_momentum, dtype=self.dtype_policy, name=f"norm_{step}"
            )
            for step in range(self.steps + 1)
        ]
        for norm in self.norms:
            norm.build(input_shape)
        if self.fusion == "conv":
            stack = (input_shape[0], width, self.steps + 1)
            start = keras.initializers.Constant(1 / (self.steps + 1))
            self.convolution = layers.Conv1D(
                1, 1, kernel_initializer=start, dtype=self.dtype_policy, name="convolution"
            )
            self.convolution.build(stack)
            self.fused_norm = layers.BatchNormalization(
                momentum=self.norm_momentum, dtype=self.dtype_policy, name="fused_norm"
            )
            self.fused_norm.build((input_shape[0], width, 1))

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return the fused output (N, K)."""
        outputs = []
        for norm in self.norms:
            x = ops.relu(norm(self.dense(x), training=training)) + x
            outputs.append(x)
        if self.fusion == "none":
            return x
        if self.fusion == "sum":
            return sum(outputs[1:], start=outputs[0])
        fused = self.fused_norm(self.convolution(ops.stack(outputs, axis=-1)), training=training)
        return ops.relu(ops.squeeze(fused, axis=-1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "steps": self.steps,
            "fusion": self.fusion,
            "norm_momentum": self.norm_momentum,
        }
