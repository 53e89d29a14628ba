"""FCN-8s and FCFN for segmentation: VGG-16 made fully convolutional, with scores of three depths fused.

Source: thesis section 2.3.1; Long, Shelhamer and Darrell 2015. The class scores of the last layer are
enlarged to the fourth pooling and fused with its scores (eq. 2.7), these to the third pooling and fused with
its scores (eq. 2.8), and those to the image. FCN-8s sums; FCFN has weights of each channel's and place's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import layers

from kzoo.backbones.vgg16 import BLOCKS, bgr_less_mean, hed_weights, imagenet_weights, vgg_blocks
from kzoo.errors import UsageError
from kzoo.layers import LocallyConnectedFusion, ResizeTo, SumFusion
from kzoo.layers.fusion import sizes_of_grid

FUSIONS = ("sum", "locally_connected")
STRIDE = 32
TOP_UNITS, TOP_KERNEL = 4096, 7


def build_segmenter(
    *,
    name: str,
    fusion: str,
    classes: int = 21,
    blocks: Sequence[tuple[int, int]] = BLOCKS,
    top_units: int = TOP_UNITS,
    top_kernel: int = TOP_KERNEL,
    dropout: float = 0.5,
    image_size: tuple[int | None, int | None] = (None, None),
    fusion_grid: tuple[int, int] | str | None = None,
    fusion_activation: str | None = None,
    weights: str | None = None,
) -> keras.Model:
    """Build a network that scores every class at every pixel.

    Args:
        name: the model's name.
        fusion: "sum" (FCN-8s) or "locally_connected" (FCFN).
        classes: C, channels of the scores.
        blocks: convolutions and channels of the five blocks of the trunk.
        top_units: channels of the two convolutions after the trunk, fc6 and fc7.
        top_kernel: kernel of fc6.
        dropout: after fc6 and after fc7.
        image_size: (height, width), 32 or more a side, or None each for any; locally-connected weights need a
            size or a grid.
        fusion_grid: (height, width) of the images on whose maps locally-connected weights are kept; they are
            resized to the maps of the image at hand, so that it may be of any size; "resize" for a grid of
            `image_size`.
        fusion_activation: after each locally-connected fusion, a Keras activation; "relu" is eq. 2.7 and 2.8
            as printed.
        weights: None for random ones; "trunk" for the convolutions of HED; "imagenet" for those of VGG-16 in
            Keras's cache; else the path of a file with them, as keras.applications publishes it. fc6 and fc7
            get those of VGG-16's classifier where they are of its size. Scores begin at 0.

    Input: (N, H, W, 3) float, pixels 0 to 255, RGB. Convolutions and poolings keep the border ("same").
    Output: "logits" (N, H, W, C), float32 under mixed precision.

    Raises:
        UsageError: for an option out of its range.
        DataError: for weights that are not there.
    """
    image_size, image_grid = sizes_of_grid(image_size, fusion_grid)
    _check(fusion=fusion, classes=classes, blocks=blocks, image_size=image_size, fusion_grid=image_grid)
    image = keras.Input((*image_size, 3), name="image")
    block5 = vgg_blocks(bgr_less_mean(image), blocks)[-1]
    trunk = keras.Model(image, block5, name="trunk")
    top = layers.MaxPooling2D(2, padding="same", name="block5_pool")(block5)
    for layer, kernel in (("fc6", top_kernel), ("fc7", 1)):
        top = layers.Conv2D(
            top_units, kernel, padding="same", activation="relu", kernel_initializer="he_normal", name=layer
        )(top)
        top = layers.Dropout(dropout, name=f"{layer}_dropout")(top)

    scores = _score(top, classes, "top")
    for number, stride in ((4, 16), (3, 8)):
        finer = _score(trunk.get_layer(f"block{number}_pool").output, classes, f"pool{number}")
        coarser = ResizeTo(name=f"enlarged_{number}", dtype=_full())([scores, finer])
        grid = None if image_grid is None else tuple(-(-side // stride) for side in image_grid)
        scores = _fusion(fusion, grid, fusion_activation, f"fused_{number}")([finer, coarser])
    logits = ResizeTo(name="logits", dtype=_full())([scores, image])
    model = keras.Model(image, {"logits": logits}, name=name)
    _load(model, weights, blocks)
    return model


def _score(x: Any, classes: int, name: str) -> Any:
    convolution = layers.Conv2D(classes, 1, kernel_initializer="zeros", name=f"score_{name}", dtype=_full())
    return convolution(x)


def _fusion(fusion: str, grid: Any, activation: str | None, name: str) -> keras.layers.Layer:
    if fusion == "sum":
        return SumFusion(name=name, dtype=_full())
    return LocallyConnectedFusion(activation=activation, grid=grid, name=name, dtype=_full())


def _full() -> str:
    """Return the dtype of the weights, in which scores are computed whatever the trunk's precision is."""
    return str(keras.config.dtype_policy().variable_dtype)


def _load(model: keras.Model, weights: str | None, blocks: Sequence[tuple[int, int]]) -> None:
    if weights is None:
        return
    if tuple(map(tuple, blocks)) != BLOCKS:
        raise UsageError(f"weights {weights!r} are of a trunk with blocks {BLOCKS}; received {blocks}")
    if weights == "trunk":
        found = [one for one in hed_weights() if one[0].startswith("block")]
    else:
        found = list(imagenet_weights(None if weights == "imagenet" else Path(weights)))
    for name, arrays in found:
        layer = model.get_layer(name)
        if [tuple(variable.shape) for variable in layer.weights] == [array.shape for array in arrays]:
            layer.set_weights(arrays)


def _check(
    *,
    fusion: str,
    classes: int,
    blocks: Sequence[tuple[int, int]],
    image_size: tuple[int | None, int | None],
    fusion_grid: tuple[int, int] | None,
) -> None:
    if fusion not in FUSIONS:
        raise UsageError(f"fusion must be one of {', '.join(FUSIONS)}; received {fusion!r}")
    if classes < 2 or len(blocks) != len(BLOCKS):
        raise UsageError(f"expected 2 classes or more and {len(BLOCKS)} blocks; received {classes}, {blocks}")
    for option, sides in (("image_size", image_size), ("fusion_grid", fusion_grid or ())):
        if any(side is not None and side < STRIDE for side in sides):
            raise UsageError(
                f"{option} must be {STRIDE}, the network's stride, or more a side; received {sides}"
            )
    if fusion_grid is not None and fusion != "locally_connected":
        raise UsageError("fusion_grid keeps locally-connected weights; fusion 'sum' has none")
    if fusion == "locally_connected" and None in image_size and fusion_grid is None:
        raise UsageError(
            "locally-connected weights need an image_size, or a fusion_grid for images of any size; "
            f"received image_size {image_size}"
        )
