"""The vectors by which images and texts meet at inference: in the visual, textual and latent space."""

from __future__ import annotations

import keras

OF_IMAGE = {"textual": "text_from_image", "latent": "image_latent"}
OF_TEXT = {"visual": "image_from_text", "latent": "text_latent"}


def image_spaces(model: keras.Model) -> keras.Model:
    """Return the part from image features v to {"visual": v, "textual": I2T(v), "latent": FC3 of I2T}."""
    return _part(model, "image", "visual", OF_IMAGE)


def text_spaces(model: keras.Model) -> keras.Model:
    """Return the part from text features t to {"visual": T2I(t), "textual": t, "latent": FC3 of T2I}."""
    return _part(model, "text", "textual", OF_TEXT)


def _part(model: keras.Model, side: str, own: str, names: dict[str, str]) -> keras.Model:
    """A model without mappings has the latent space alone."""
    outputs = {space: model.output[name] for space, name in names.items() if name in model.output}
    if len(outputs) == len(names):
        outputs[own] = keras.layers.Identity(name=f"{own}_features")(model.input[side])
    return keras.Model(model.input[side], outputs, name=f"embed_{side}")
