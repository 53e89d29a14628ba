"""my_system, for 32x32 images.

Source: name the figure or the equations here. Two convolutions with a pooling between them, global average
pooling, and one fully-connected layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kzoo.errors import UsageError


def build(
    *,
    name: str,
    classes: int = 10,
    image_size: tuple[int, int] = (32, 32),
    channels: Sequence[int] = (16, 32),
) -> keras.Model:
    """Build the classifier; its output is logits.

    Args:
        name: the model's name.
        classes: units of the last layer.
        image_size: (height, width) of the input.
        channels: of the two convolutions.

    Input: (N, H, W, 3) float, normalised by `global_contrast_normalize`.
    Output: (N, classes) logits, float32 under mixed precision.

    Raises:
        UsageError: if there are not two channels.
    """
    if len(channels) != 2:
        raise UsageError(f"expected the channels of two convolutions; received {channels}")
    image = keras.Input((*image_size, 3), name="image")
    x = layers.Conv2D(channels[0], 3, padding="same", activation="relu", name="conv1")(image)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    x = layers.Conv2D(channels[1], 3, padding="same", activation="relu", name="conv2")(x)
    feature = layers.GlobalAveragePooling2D(name="main")(x)
    precision = keras.config.dtype_policy().variable_dtype
    logits = layers.Dense(classes, name="logits", dtype=precision)(feature)
    return keras.Model(image, logits, name=name)
