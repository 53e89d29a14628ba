"""CNN-11 and CNN-19 for 224x224 images, and what the thesis builds on them: CFN, DSN and ResNet.

Source: thesis section 2.4.2, figures 2.9 to 2.11. The plain CNN is a 7x7 convolution and a pooling, four
stages of 3x3 convolutions with a pooling after the first three, a 1x1 convolution, global average pooling
(GAP) and one fully-connected layer; batch normalisation follows every convolution. CFN and DSN start a side
branch (1x1 convolution and GAP) from the pooling after each of the first three stages; CFN fuses their GAP
features with that of the main branch and predicts once, DSN lets each of them predict. ResNet goes round
every stage by a residual connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kzoo.errors import UsageError
from kzoo.layers import LocallyConnectedFusion

KINDS = ("plain", "fusion", "deep_supervision", "residual")
SMALLEST_SIZE = 32


def build_imagenet_classifier(
    *,
    name: str,
    kind: str,
    convolutions: int,
    widths: Sequence[int] = (64, 128, 256, 512),
    classes: int = 1000,
    image_size: tuple[int, int] = (224, 224),
    branch_channels: int = 1024,
    fusion_options: dict[str, Any] | None = None,
) -> keras.Model:
    """Build a network of the ImageNet scale.

    Args:
        name: the model's name.
        kind: "plain" (CNN-11, CNN-19), "fusion" (CFN), "deep_supervision" (DSN) or "residual" (ResNet).
        convolutions: 3x3 convolutions a stage: 2 make 11 layers, 4 make 19.
        widths: channels of the four stages.
        classes: units of the last layer.
        image_size: (height, width) of the input, each 32 or more.
        branch_channels: K, the channels of every branch's last convolution.
        fusion_options: further arguments of `LocallyConnectedFusion`.

    Input: (N, H, W, 3) float, pixels 0 to 255 less the channels' means.
    Output: (N, classes) logits, float32 under mixed precision; with "deep_supervision" the logits of the last
    layer and of the side branches by name: logits, side_1_logits, side_2_logits, side_3_logits.

    Raises:
        UsageError: if an option is out of its range, or `fusion_options` go without a fusion.
    """
    _check(kind=kind, convolutions=convolutions, widths=widths, classes=classes, image_size=image_size)
    if fusion_options and kind != "fusion":
        raise UsageError(f"fusion_options need kind 'fusion'; received {fusion_options} with {kind!r}")
    image = keras.Input((*image_size, 3), name="image")

    x = relu(convolution(image, widths[0], 7, strides=2, name="conv1"), name="conv1_relu")
    x = pooling(x, name="pool1")
    sides = []
    for number, width in enumerate(widths, start=2):
        x = stage(x, width, convolutions, residual=kind == "residual", name=f"conv{number}")
        if number <= len(widths):
            x = pooling(x, name=f"pool{number}")
            if kind in ("fusion", "deep_supervision"):
                sides.append(branch(x, branch_channels, name=f"side_{number - 1}"))
    feature = branch(x, branch_channels, name="main")

    if kind == "fusion":
        fused = LocallyConnectedFusion(name="fusion", activation=None, **(fusion_options or {}))
        feature = layers.BatchNormalization(name="fusion_norm")(fused([*sides, feature]))
        feature = relu(feature, name="fused")
    logits = prediction(feature, classes, name="logits")
    if kind != "deep_supervision":
        return keras.Model(image, logits, name=name)
    outputs = {
        f"side_{number}_logits": prediction(side, classes, name=f"side_{number}_logits")
        for number, side in enumerate(sides, start=1)
    }
    return keras.Model(image, {"logits": logits, **outputs}, name=name)


def stage(x: Any, width: int, convolutions: int, *, residual: bool, name: str) -> Any:
    """Convolve 3x3 a number of times; a residual connection joins before the last ReLU.

    Where the channels differ it is a 1x1 convolution without ReLU (figure 2.11).
    """
    shortcut = x
    for number in range(1, convolutions + 1):
        x = convolution(x, width, 3, name=f"{name}_{number}")
        if residual and number == convolutions:
            if shortcut.shape[-1] != width:
                shortcut = convolution(shortcut, width, 1, name=f"{name}_shortcut")
            x = layers.Add(name=f"{name}_sum")([x, shortcut])
        x = relu(x, name=f"{name}_{number}_relu")
    return x


def convolution(x: Any, channels: int, kernel: int, *, name: str, strides: int = 1) -> Any:
    """Convolve with "same" padding, without bias, then batch normalisation, whose shift is the bias."""
    x = layers.Conv2D(
        channels,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(name=f"{name}_norm")(x)


def relu(x: Any, *, name: str) -> Any:
    """Rectify, element by element."""
    return layers.ReLU(name=name)(x)


def pooling(x: Any, *, name: str) -> Any:
    """Take the maximum of 3x3 at stride 2: (N, H, W, C) to (N, H/2, W/2, C), rounded up."""
    return layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)


def branch(x: Any, channels: int, *, name: str) -> Any:
    """Convolve 1x1, ReLU, global average pooling (eq. 2.1): (N, H, W, C) to (N, channels)."""
    x = relu(convolution(x, channels, 1, name=f"{name}_conv"), name=f"{name}_relu")
    return layers.GlobalAveragePooling2D(name=name)(x)


def prediction(feature: Any, classes: int, *, name: str) -> Any:
    """Return logits, in the precision of the weights, so that no softmax in half precision happens."""
    return layers.Dense(classes, name=name, dtype=keras.config.dtype_policy().variable_dtype)(feature)


def _check(
    *, kind: str, convolutions: int, widths: Sequence[int], classes: int, image_size: tuple[int, int]
) -> None:
    if kind not in KINDS:
        raise UsageError(f"kind must be one of {', '.join(KINDS)}; received {kind!r}")
    if convolutions < 1 or len(widths) != 4:
        raise UsageError(f"expected 4 widths and 1 convolution or more; received {widths}, {convolutions}")
    if classes < 2:
        raise UsageError(f"classes must be 2 or more; received {classes}")
    if min(image_size) < SMALLEST_SIZE:
        raise UsageError(f"image_size must be {SMALLEST_SIZE} or more a side; received {image_size}")
