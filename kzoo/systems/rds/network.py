"""HED and FCFN for edges: VGG-16 with five side outputs and their fusion.

Source: thesis figures 2.15 and 3.2, sections 2.3.2 and 3.2; Xie and Tu 2015. From the last convolution of
each block a 1x1 convolution gives one map, which is resized to the image. HED fuses the five by one weight
each, FCFN by weights of each pixel's own (eq. 2.10).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import layers

from kzoo.backbones.vgg16 import BLOCKS, bgr_less_mean, hed_weights, imagenet_weights, vgg_blocks
from kzoo.errors import UsageError
from kzoo.layers import LocallyConnectedFusion, ResizeTo
from kzoo.layers.fusion import sizes_of_grid

FUSIONS = ("convolution", "locally_connected")
HED_WEIGHTS = ("trunk", "all")


def build_edge_network(
    *,
    name: str,
    fusion: str,
    blocks: Sequence[tuple[int, int]] = BLOCKS,
    image_size: tuple[int | None, int | None] = (None, None),
    fusion_grid: tuple[int, int] | str | None = None,
    weights: str | None = None,
) -> keras.Model:
    """Build an edge detector; its outputs are logits.

    Args:
        name: the model's name.
        fusion: "convolution" (HED) or "locally_connected" (FCFN).
        blocks: convolutions and channels of each block of the trunk.
        image_size: (height, width), or None each for any; locally-connected weights need a size or a grid.
        fusion_grid: (height, width) on which locally-connected weights are kept and from which they are
            resized to the image, so that it may be of any size; "resize" for such a grid of `image_size`.
        weights: None for random ones, with side filters at 0 and fusion at 1/5 each; "trunk" for those of
            HED's convolutions; "all" for its side outputs and fusion too, for `fusion="convolution"`;
            "imagenet" for VGG-16's convolutions in Keras's cache; else the path of a file with them.

    Input: (N, H, W, 3) float, pixels 0 to 255, RGB. Nothing is padded or cropped: convolutions and poolings
    keep the border ("same"), and side maps are resized to H and W.
    Output: fused and side_1 to side_5 by name, each (N, H, W, 1), float32 under mixed precision.

    Raises:
        UsageError: for an option out of its range.
        DataError: if weights are asked for and their package is not installed.
    """
    image_size, grid = sizes_of_grid(image_size, fusion_grid)
    _check(fusion=fusion, weights=weights, blocks=blocks, image_size=image_size, grid=grid)
    image = keras.Input((*image_size, 3), name="image")
    full = keras.config.dtype_policy().variable_dtype
    sides = []
    for number, block in enumerate(vgg_blocks(bgr_less_mean(image), blocks), start=1):
        score = layers.Conv2D(1, 1, kernel_initializer="zeros", name=f"score_{number}", dtype=full)(block)
        sides.append(ResizeTo(name=f"side_{number}", dtype=full)([score, image]))
    if fusion == "convolution":
        together = layers.Concatenate(name="sides", dtype=full)(sides)
        average = keras.initializers.Constant(1.0 / len(sides))
        fused = layers.Conv2D(1, 1, kernel_initializer=average, name="fused", dtype=full)(together)
    else:
        fused = LocallyConnectedFusion(activation=None, grid=grid, name="fused", dtype=full)(sides)
    outputs = {f"side_{number}": side for number, side in enumerate(sides, start=1)}
    model = keras.Model(image, {"fused": fused, **outputs}, name=name)
    for layer, arrays in _pretrained(weights):
        model.get_layer(layer).set_weights(arrays)
    return model


def _pretrained(weights: str | None) -> list[tuple[str, list[Any]]]:
    if weights is None:
        return []
    if weights in HED_WEIGHTS:
        found = hed_weights()
    else:
        found = imagenet_weights(None if weights == "imagenet" else Path(weights))
    return [one for one in found if weights == "all" or one[0].startswith("block")]


def _check(
    *,
    fusion: str,
    weights: str | None,
    blocks: Sequence[tuple[int, int]],
    image_size: tuple[int | None, int | None],
    grid: tuple[int, int] | None,
) -> None:
    if fusion not in FUSIONS:
        raise UsageError(f"fusion must be one of {', '.join(FUSIONS)}; received {fusion!r}")
    if weights is not None and tuple(map(tuple, blocks)) != BLOCKS:
        raise UsageError(f"weights {weights!r} are of a trunk with blocks {BLOCKS}; received {blocks}")
    if weights == "all" and fusion != "convolution":
        raise UsageError("weights 'all' are HED's, fused by a convolution; take 'trunk'")
    if grid is not None and fusion == "convolution":
        raise UsageError("fusion_grid keeps locally-connected weights; fusion 'convolution' has none")
    if fusion == "locally_connected" and None in image_size and grid is None:
        raise UsageError(
            "locally-connected weights need an image_size, or fusion_grid 'resize' beside it for images of "
            f"any size; received image_size {image_size}"
        )
