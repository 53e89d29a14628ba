"""CycleMatch: two mappings between the feature spaces, each the other's way back (thesis figure 6.2)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kzoo.layers import ScaleAndShift

WIDTHS = (2048, 512, 512)
NORM_MOMENTUM = 0.9
"""Keras's 0.99 has not forgotten its start after the few hundred steps of a short training."""
IMAGE_TO_TEXT, TEXT_TO_IMAGE = "image_to_text", "text_to_image"
OUT, BACK = "out", "back"


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
    to_text = _Mapping(IMAGE_TO_TEXT, widths, text_dim if mappings else None, dropout)
    to_image = _Mapping(TEXT_TO_IMAGE, widths, image_dim if mappings else None, dropout)
    outputs = {}
    outputs["image_latent"], text_from_image = to_text(image, OUT)
    outputs["text_latent"], image_from_text = to_image(text, OUT)
    if mappings:
        outputs |= {"text_from_image": text_from_image, "image_from_text": image_from_text}
    if "image" in cycles:
        outputs["image_again_latent"], outputs["image_again"] = to_image(text_from_image, BACK)
    if "text" in cycles:
        outputs["text_again_latent"], outputs["text_again"] = to_text(image_from_text, BACK)
    return keras.Model({"image": image, "text": text}, outputs, name=name)


class _Mapping:
    """FC1 to FC4, whose weights all uses share; each use is normalised by statistics of its own.

    Encoded features and mapped ones are distributed differently: with statistics of both together, the
    mapping of encoded features fails at inference.
    """

    def __init__(self, name: str, widths: Sequence[int], target: int | None, dropout: float) -> None:
        self.name = name
        self.fc1 = layers.Dense(widths[0], activation="relu", name=f"{name}_fc1")
        self.fc2 = _NormalizedDense(f"{name}_fc2", widths[1])
        self.fc3 = _NormalizedDense(f"{name}_fc3", widths[2])
        self.fc4 = None if target is None else _NormalizedDense(f"{name}_fc4", target)
        self.dropout = dropout

    def __call__(self, x: keras.KerasTensor, use: str) -> tuple[keras.KerasTensor, keras.KerasTensor | None]:
        """Return the outputs of FC3, the latent features, and of FC4, if there is one."""
        name = f"{self.name}_{use}"
        x = layers.Dropout(self.dropout, name=f"{name}_dropout")(self.fc1(x))
        x = layers.ReLU(name=f"{name}_fc2_relu")(self.fc2(x, use))
        x = layers.ReLU(name=f"{name}_fc3_relu")(self.fc3(x, use))
        latent = _full_precision(x, f"{name}_latent")
        if self.fc4 is None:
            return latent, None
        return latent, _full_precision(self.fc4(x, use), f"{name}_mapped")


class _NormalizedDense:
    """A dense layer with batch normalisation; its scale and shift are shared, its statistics are not."""

    def __init__(self, name: str, width: int) -> None:
        self.name = name
        self.dense = layers.Dense(width, name=name)
        self.affine = ScaleAndShift(name=f"{name}_affine")

    def __call__(self, x: keras.KerasTensor, use: str) -> keras.KerasTensor:
        norm = layers.BatchNormalization(
            momentum=NORM_MOMENTUM, center=False, scale=False, name=f"{self.name}_norm_{use}"
        )
        return self.affine(norm(self.dense(x)))


def _full_precision(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.Activation("linear", dtype="float32", name=name)(x)
