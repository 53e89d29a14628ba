"""Building blocks of networks that make pictures: instance-normalised convolutions, and PatchGAN.

Sources: Ulyanov et al. 2016 (instance normalisation), Isola et al. 2017 (PatchGAN), Zhu et al. 2017 (residual
blocks with mirrored borders).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from kzoo.layers import ReflectionPad2D


def initializer() -> keras.initializers.Initializer:
    """Return a new initializer of kernels: normal, of standard deviation 0.02 (Isola et al. 2017)."""
    return keras.initializers.RandomNormal(stddev=0.02)


def instance_normalized(x: Any, name: str, activation: Any) -> Any:
    """Return maps (N, H, W, C) normalised each by itself, without weights, through an activation if given.

    Args:
        x: maps.
        name: of the layer before; those made here are called after it.
        activation: class of a layer, or None.
    """
    x = layers.GroupNormalization(groups=-1, epsilon=1e-5, center=False, scale=False, name=f"{name}_norm")(x)
    return activation(name=f"{name}_act")(x) if activation else x


def convolution(x: Any, filters: int, size: int, name: str, **options: Any) -> Any:
    """Return images (N, H, W, C) convolved by `filters` kernels of size x size; `options` are Conv2D's."""
    return layers.Conv2D(filters, size, kernel_initializer=initializer(), name=name, **options)(x)


def residual_block(x: Any, filters: int, name: str) -> Any:
    """Return maps (N, H, W, filters) plus what two 3x3 convolutions with mirrored borders make of them."""
    y = convolution(ReflectionPad2D(1, name=f"{name}_pad1")(x), filters, 3, f"{name}_conv1")
    y = instance_normalized(y, f"{name}_conv1", layers.ReLU)
    y = convolution(ReflectionPad2D(1, name=f"{name}_pad2")(y), filters, 3, f"{name}_conv2")
    y = instance_normalized(y, f"{name}_conv2", None)
    return layers.Add(name=f"{name}_add")([x, y])


def build_patchgan(name: str, *, width: int, channels: int = 3) -> keras.Model:
    """Build a 70x70 PatchGAN: each score judges a patch of 70x70 pixels.

    Args:
        name: of the model.
        width: channels of the first convolution; 64 as published.
        channels: of the input.

    Returns:
        Model of images float32 (N, H, W, channels) to scores (N, H / 8 - 2, W / 8 - 2, 1) for H, W that are
        multiples of 8.
    """
    image = keras.Input((None, None, channels), name="image")
    x = image
    for number, (filters, strides) in enumerate(
        ((width, 2), (2 * width, 2), (4 * width, 2), (8 * width, 1)), start=1
    ):
        x = layers.ZeroPadding2D(1, name=f"conv{number}_pad")(x)
        x = convolution(x, filters, 4, f"conv{number}", strides=strides)
        if number > 1:
            x = instance_normalized(x, f"conv{number}", None)
        x = layers.LeakyReLU(negative_slope=0.2, name=f"conv{number}_act")(x)
    x = convolution(layers.ZeroPadding2D(1, name="score_pad")(x), 1, 4, "score", dtype=output_dtype())
    return keras.Model(image, x, name=name)


def output_dtype() -> str:
    """Return that of the weights: float32 under mixed precision."""
    return keras.config.dtype_policy().variable_dtype
