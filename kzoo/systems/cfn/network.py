"""CNN-A, CNN-B and their fusion networks for 32x32 images.

Source: thesis section 2.2.1, table 2.1, figures 2.3 and 2.6. A plain CNN is three stages of
convolutions with a pooling after the first two, a 1x1 convolution, global average pooling (GAP) and
one fully-connected layer. A fusion network adds a side branch (1x1 convolution and GAP) from each
pooling layer, fuses the GAP features of all branches, and predicts once, from the fused feature:
"early fusion, late prediction".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kzoo.errors import UsageError
from kzoo.layers import ConvolutionFusion, LocallyConnectedFusion, SumFusion

FUSIONS = {"sum": SumFusion, "convolution": ConvolutionFusion, "locally_connected": LocallyConnectedFusion}
POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)

Stage = tuple[int, Sequence[int]]


def build_classifier(
    *,
    name: str,
    stages: Sequence[Stage],
    fusion: str | None,
    classes: int = 10,
    image_size: tuple[int, int] = (32, 32),
    branch_channels: int = 192,
    side_kernel: int = 1,
    dropout: float = 0.5,
    fusion_options: dict[str, Any] | None = None,
) -> keras.Model:
    """Build a classifier of the CFN family; its output is logits.

    Args:
        name: the model's name.
        stages: for each of the three stages its kernel size and the channels of its convolutions.
        fusion: None for the plain CNN, "sum", "convolution" or "locally_connected".
        classes: units of the last layer.
        image_size: (height, width) of the input.
        branch_channels: K, the channels of every branch's last convolution.
        side_kernel: kernel size of the side branches' convolutions; 1 in the thesis, 3 in the author's
            published CIFAR-100 definition.
        dropout: rate after the poolings and before the last layer.
        fusion_options: further arguments of the fusion layer, as
            `{"channel_window": 3}` for `LocallyConnectedFusion`.

    Input: (N, H, W, 3) float, normalised by `global_contrast_normalize`.
    Output: (N, classes) logits, float32 under mixed precision.

    Raises:
        UsageError: if an option is out of its range, or `fusion_options` go without a fusion.
    """
    _check(stages=stages, fusion=fusion, classes=classes, dropout=dropout, fusion_options=fusion_options)
    image = keras.Input((*image_size, 3), name="image")

    x = image
    branches = []
    for number, (kernel, widths) in enumerate(stages, start=1):
        for position, width in enumerate(widths, start=1):
            x = convolution(x, width, kernel, name=f"conv{number}_{position}")
        if number <= len(POOLINGS):
            x = POOLINGS[number - 1](3, strides=2, padding="same", name=f"pool{number}")(x)
            if fusion:
                branches.append(branch(x, branch_channels, side_kernel, name=f"side_{number}"))
            x = layers.Dropout(dropout, name=f"pool{number}_dropout")(x)
    feature = branch(x, branch_channels, 1, name="main")

    if fusion:
        feature = FUSIONS[fusion](name="fusion", **(fusion_options or {}))([*branches, feature])
    feature = layers.Dropout(dropout, name="feature_dropout")(feature)
    logits = layers.Dense(classes, name="logits", dtype=_output_dtype())(feature)
    return keras.Model(image, logits, name=name)


def convolution(x: Any, channels: int, kernel: int, name: str) -> Any:
    """Convolve with "same" padding, then ReLU: (N, H, W, C) to (N, H, W, channels)."""
    return layers.Conv2D(
        channels, kernel, padding="same", activation="relu", kernel_initializer="he_normal", name=name
    )(x)


def branch(x: Any, channels: int, kernel: int, name: str) -> Any:
    """Convolve, ReLU, global average pooling (eq. 2.1): (N, H, W, C) to the GAP feature (N, channels)."""
    return layers.GlobalAveragePooling2D(name=name)(convolution(x, channels, kernel, name=f"{name}_conv"))


def _output_dtype() -> str:
    """Logits keep the precision of the weights, so that a softmax in half precision never happens."""
    return keras.config.dtype_policy().variable_dtype


def _check(
    *, stages: Sequence[Stage], fusion: str | None, classes: int, dropout: float, fusion_options: Any
) -> None:
    if fusion is not None and fusion not in FUSIONS:
        raise UsageError(f"fusion must be None or one of {sorted(FUSIONS)}; received {fusion!r}")
    if fusion is None and fusion_options:
        raise UsageError(f"fusion_options need a fusion; received {fusion_options} with fusion=None")
    if len(stages) != len(POOLINGS) + 1:
        raise UsageError(f"expected {len(POOLINGS) + 1} stages; received {len(stages)}")
    if classes < 2:
        raise UsageError(f"classes must be 2 or more; received {classes}")
    if not 0 <= dropout < 1:
        raise UsageError(f"dropout must lie in [0, 1); received {dropout}")
