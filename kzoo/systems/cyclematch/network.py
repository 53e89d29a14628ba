"""CycleMatch: two mappings between the feature spaces, each the other's way back (thesis figure 6.2)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

WIDTHS = (2048, 512, 512)
NORM_MOMENTUM = 0.9
"""Keras's 0.99 has not forgotten its start after the few hundred steps of a short training."""
IMAGE_TO_TEXT, TEXT_TO_IMAGE = "image_to_text", "text_to_image"


def build_cyclematch(
    *,
    image_dim: int = 2048,
    text_dim: int = 4096,
    widths: Sequence[int] = WIDTHS,
    dropout: float = 0.5,
    mappings: bool = True,
    cycles: Sequence[str] = ("image", "text"),
    name: str = "cyclematch",
) -> keras.Model:
    """Build the network.

    Args:
        image_dim, text_dim: dimensions of the features.
        widths: of FC1 to FC3; FC4 has the size of the space that a mapping goes to.
        dropout: rate after FC1.
        mappings: whether there is an FC4; without, FC3 of both sides is all there is (LatentMatch).
        cycles: "image" for image to text and back, "text" for text to image and back.
        name: of the model.

    Returns:
        A model from "image" v (N, image_dim) and "text" t (N, text_dim) to, by name:
        image_latent, text_latent: FC3 of v's and of t's mapping (N, widths[2]);
        text_from_image I2T(v) (N, text_dim) and image_from_text T2I(t) (N, image_dim), with `mappings`;
        image_again T2I(I2T(v)) and image_again_latent, its FC3, with the cycle "image";
        text_again I2T(T2I(t)) and text_again_latent, its FC3, with the cycle "text".
    """
    image = keras.Input((image_dim,), name="image")
    text = keras.Input((text_dim,), name="text")
    to_text = _mapping(IMAGE_TO_TEXT, image_dim, widths, text_dim if mappings else None, dropout)
    to_image = _mapping(TEXT_TO_IMAGE, text_dim, widths, image_dim if mappings else None, dropout)
    seen, read = to_text(image), to_image(text)
    outputs = {"image_latent": seen["latent"], "text_latent": read["latent"]}
    if mappings:
        outputs |= {"text_from_image": seen["mapped"], "image_from_text": read["mapped"]}
    if "image" in cycles:
        back = to_image(seen["mapped"])
        outputs |= {"image_again": back["mapped"], "image_again_latent": back["latent"]}
    if "text" in cycles:
        back = to_text(read["mapped"])
        outputs |= {"text_again": back["mapped"], "text_again_latent": back["latent"]}
    return keras.Model({"image": image, "text": text}, outputs, name=name)


def _mapping(
    name: str, features: int, widths: Sequence[int], target: int | None, dropout: float
) -> keras.Model:
    """Build FC1 to FC4 as one model, whose weights all its uses share."""
    source = keras.Input((features,), name="source")
    x = layers.Dense(widths[0], activation="relu", name=f"{name}_fc1")(source)
    x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    for number, width in enumerate(widths[1:], start=2):
        x = layers.Dense(width, name=f"{name}_fc{number}")(x)
        x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_fc{number}_norm")(x)
        x = layers.ReLU(name=f"{name}_fc{number}_relu")(x)
    outputs = {"latent": _full_precision(x, f"{name}_latent")}
    if target is not None:
        x = layers.Dense(target, name=f"{name}_fc4")(x)
        x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_fc4_norm")(x)
        outputs["mapped"] = _full_precision(x, f"{name}_mapped")
    return keras.Model(source, outputs, name=name)


def _full_precision(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.Activation("linear", dtype="float32", name=name)(x)
