"""MMC-Net: matching and classification of images and texts in one network (thesis figure 7.2).

Two branches of four dense layers, whose last three outputs are fused, make the embeddings that are matched;
a bilinear pooling of the two embeddings is what the classifier sees. Batch normalisation stands on the inputs
and after FC2 to FC4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from kzoo.errors import UsageError
from kzoo.layers import (
    BilinearPooling,
    CompactBilinearPooling,
    ConvolutionFusion,
    SignedSquareRoot,
    SumFusion,
)

WIDTHS = (2048, 512, 512, 512)
NORM_MOMENTUM = 0.9
"""Keras's 0.99 has not forgotten its start after the few hundred steps of a short training."""
FUSIONS = ("none", "sum", "multiplication", "convolution")
POOLINGS = ("cbp", "bp", "fc")


def build_mmcnet(
    *,
    image_dim: int = 2048,
    text_dim: int = 300,
    widths: Sequence[int] = WIDTHS,
    fusion: str = "convolution",
    dropout: float = 0.5,
    classes: int | None = None,
    matching: bool = True,
    pooling: str = "cbp",
    pooling_dim: int = 2048,
    hash_seed: int = 0,
    vision_only: bool = False,
    name: str = "mmcnet",
) -> keras.Model:
    """Build the network.

    Args:
        image_dim, text_dim: dimensions of the features.
        widths: of FC1 to FC4; the last three are equal where they are fused.
        fusion: of the outputs of FC2 to FC4 of a branch: "none" takes that of FC4; "sum"; "multiplication";
            or "convolution", one weight a layer and one bias an element.
        dropout: rate after FC1.
        classes: units of the classifier; None for matching alone (MM-Net).
        matching: whether the embeddings are outputs; False for classification alone (MC-Net).
        pooling: what the classifier sees: "cbp", compact bilinear pooling; "bp", the whole outer product; or
            "fc", the embeddings one after the other.
        pooling_dim: D of "cbp".
        hash_seed: of the hashes of "cbp", drawn once and saved with the model.
        vision_only: no text branch: the image is pooled with itself ("fc": taken alone). Classification only.
        name: of the model.

    Returns:
        A model from "image" (N, image_dim) and "text" (N, text_dim), the first alone with `vision_only`, to
        "image_embedding" and "text_embedding" (N, widths[3]), of length 1, with `matching`, and "logits" (N,
        classes) unless `classes` is None.

    Raises:
        UsageError: for an unknown fusion or pooling, widths that cannot be fused, fewer than 1 class, a
            network without output, and `vision_only` with matching.
    """
    _check(widths, fusion, pooling, classes, matching, vision_only)
    inputs = {"image": keras.Input((image_dim,), name="image")}
    if not vision_only:
        inputs["text"] = keras.Input((text_dim,), name="text")
    embeddings = {side: _branch(x, side, widths, fusion, dropout) for side, x in inputs.items()}
    outputs: dict[str, Any] = {}
    if matching:
        outputs |= {f"{side}_embedding": embedding for side, embedding in embeddings.items()}
    if classes is not None:
        pooled = _pooled(embeddings, pooling, pooling_dim, hash_seed)
        # In the precision of the weights: a softmax in half precision never happens.
        dtype = keras.config.dtype_policy().variable_dtype
        outputs["logits"] = layers.Dense(classes, use_bias=False, name="logits", dtype=dtype)(pooled)
    return keras.Model(inputs, outputs, name=name)


def _branch(x: Any, side: str, widths: Sequence[int], fusion: str, dropout: float) -> Any:
    x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{side}_norm")(x)
    x = layers.Dense(widths[0], activation="relu", name=f"{side}_fc1")(x)
    x = layers.Dropout(dropout, name=f"{side}_dropout")(x)
    outputs = []
    for number, width in enumerate(widths[1:], start=2):
        x = layers.Dense(width, name=f"{side}_fc{number}")(x)
        x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{side}_fc{number}_norm")(x)
        if number < len(widths):
            x = layers.ReLU(name=f"{side}_fc{number}_relu")(x)
        outputs.append(x)
    if fusion != "none":
        x = _fusion(fusion, name=f"{side}_fusion")(outputs)
    return layers.UnitNormalization(dtype="float32", name=f"{side}_embedding")(x)


def _fusion(fusion: str, name: str) -> keras.layers.Layer:
    if fusion == "sum":
        return SumFusion(name=name)
    if fusion == "multiplication":
        return layers.Multiply(name=name)
    return ConvolutionFusion(activation=None, element_bias=True, name=name)


def _pooled(embeddings: Mapping[str, Any], pooling: str, dimension: int, seed: int) -> Any:
    """Return what the classifier sees; bilinear vectors are rooted and of length 1."""
    found = list(embeddings.values())
    if pooling == "fc":
        return layers.Concatenate(name="pooling")(found) if len(found) > 1 else found[0]
    pair = found if len(found) > 1 else found * 2
    if pooling == "cbp":
        x = CompactBilinearPooling(dimension, seed, dtype="float32", name="pooling")(pair)
    else:
        x = BilinearPooling(dtype="float32", name="pooling")(pair)
    x = SignedSquareRoot(dtype="float32", name="pooling_root")(x)
    return layers.UnitNormalization(dtype="float32", name="pooling_norm")(x)


def _check(
    widths: Sequence[int],
    fusion: str,
    pooling: str,
    classes: int | None,
    matching: bool,
    vision_only: bool,
) -> None:
    for option, value, known in (("fusion", fusion, FUSIONS), ("pooling", pooling, POOLINGS)):
        if value not in known:
            raise UsageError(f"{option} must be one of {', '.join(known)}; received {value!r}")
    if len(widths) != len(WIDTHS) or (fusion != "none" and len(set(widths[1:])) != 1):
        raise UsageError(f"expected four widths, the last three equal for a fusion; received {list(widths)}")
    if classes is not None and classes < 1:
        raise UsageError(f"classes must be 1 or more; received {classes}")
    if classes is None and not matching:
        raise UsageError("a network that neither matches nor classifies has no output")
    if vision_only and matching:
        raise UsageError("vision_only leaves no texts to match; it goes with matching=False")
