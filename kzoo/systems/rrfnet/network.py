"""RRF-Net: two branches of dense layers with recurrent residual fusion (thesis figure 5.2).

Batch normalisation stands where the author's published network has it: on the inputs, after FC2 to FC4, and
in the fusion; with features of 2048 and 6000 dimensions that makes 19,663,598 parameters, as published.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kzoo.layers import RecurrentResidualFusion

WIDTHS = (2048, 512, 512, 512)
NORM_MOMENTUM = 0.9
"""Keras's 0.99 has not forgotten its start after the few hundred steps of a short training."""


def build_rrfnet(
    *,
    image_dim: int = 2048,
    text_dim: int = 6000,
    widths: Sequence[int] = WIDTHS,
    steps: int | None = 3,
    fusion: str = "conv",
    dropout: float = 0.5,
    name: str = "rrfnet",
) -> keras.Model:
    """Build the network.

    Args:
        image_dim, text_dim: dimensions of the features.
        widths: of FC1 to FC4; those of FC2 and FC3 are equal where steps is not None.
        steps: T of the recurrent residual fusion at FC3; None for a plain layer, the baseline.
        fusion: "none", "sum" or "conv".
        dropout: rate after FC1.
        name: of the model.

    Returns:
        A model from "image" (N, image_dim) and "text" (N, text_dim) to "image_embedding" and
        "text_embedding" (N, widths[3]), of length 1.
    """
    inputs = {
        "image": keras.Input((image_dim,), name="image"),
        "text": keras.Input((text_dim,), name="text"),
    }
    outputs = {
        f"{side}_embedding": _branch(x, side, widths, steps, fusion, dropout) for side, x in inputs.items()
    }
    return keras.Model(inputs, outputs, name=name)


def _branch(
    x: keras.KerasTensor, side: str, widths: Sequence[int], steps: int | None, fusion: str, dropout: float
) -> keras.KerasTensor:
    x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{side}_norm")(x)
    x = layers.Dense(widths[0], activation="relu", name=f"{side}_fc1")(x)
    x = layers.Dropout(dropout, name=f"{side}_dropout")(x)
    x = _dense(x, widths[1], f"{side}_fc2")
    if steps is None:
        x = _dense(x, widths[2], f"{side}_fc3")
    else:
        x = RecurrentResidualFusion(steps, fusion, norm_momentum=NORM_MOMENTUM, name=f"{side}_fc3")(x)
    x = layers.Dense(widths[3], name=f"{side}_fc4")(x)
    x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{side}_fc4_norm")(x)
    return layers.UnitNormalization(dtype="float32", name=f"{side}_embedding")(x)


def _dense(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    x = layers.Dense(width, name=name)(x)
    x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
