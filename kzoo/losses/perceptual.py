"""Perceptual loss: how far apart pictures are in the features of VGG-16 (Johnson et al. 2016)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from kzoo.backbones.vgg16 import BLOCKS, MEAN_BGR, hed_weights, imagenet_weights

BLOCK = 3
Convolutions = tuple[tuple[tuple[np.ndarray, np.ndarray], ...], ...]


def perceptual_distance(one: Any, other: Any, weights: str = "hed") -> Any:
    """Return the mean squared difference of the features after VGG-16's third block, a scalar.

    The features are those of pixels 0 to 255, divided by 255. The weights are constants: nothing trains them.

    Args:
        one, other: pictures (N, H, W, 3) in [-1, 1].
        weights: "hed", those of an edge detector made of VGG-16, which come with a package; "imagenet"; or
            the path of a file of them.

    Raises:
        DataError: if the weights are not there.
    """
    blocks = vgg_convolutions(weights)
    return ops.mean(ops.square(_features(one, blocks) - _features(other, blocks)))


@cache
def vgg_convolutions(weights: str) -> Convolutions:
    """Return kernel and bias of each convolution of the first blocks of VGG-16.

    Raises:
        DataError: as `perceptual_distance`.
    """
    if weights == "hed":
        found = hed_weights()
    else:
        found = imagenet_weights(None if weights == "imagenet" else Path(weights))
    arrays = dict(found)
    return tuple(
        tuple(
            (kernel, bias)
            for kernel, bias in (arrays[f"block{block}_conv{number + 1}"] for number in range(convolutions))
        )
        for block, (convolutions, _) in enumerate(BLOCKS[:BLOCK], start=1)
    )


def _features(picture: Any, blocks: Convolutions) -> Any:
    x = ops.flip((picture + 1) * 127.5, axis=-1) - ops.cast(np.array(MEAN_BGR), picture.dtype)
    for number, block in enumerate(blocks):
        if number:
            x = ops.max_pool(x, 2, padding="same")
        for kernel, bias in block:
            x = ops.conv(x, ops.cast(kernel, x.dtype), padding="same")
            x = ops.relu(x + ops.cast(bias, x.dtype))
    return x / 255
