"""The networks whose layers DeepIndex takes features from: AlexNet (fc6, fc7) and VGG-19 (fc17, fc18).

Thesis section 4.2.2; Krizhevsky et al. 2012, Krizhevsky 2014 (one tower), Simonyan and Zisserman 2015.
Features are those after the ReLU. Both networks take RGB pixels from 0 to 255.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import layers

from kzoo.backbones.fully_convolutional import MEAN_BGR
from kzoo.backbones.vgg16 import bgr_less_mean, vgg_blocks
from kzoo.errors import DataError, UsageError
from kzoo.layers.local_response_normalization import LocalResponseNormalization
from kzoo.systems.deepindex.alexnet_weights import read_alexnet

KERNELS = (11, 5, 3, 3, 3)
POOLED = (1, 2, 5)
CAFFE_MEAN_BGR = (104.0, 117.0, 123.0)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Towers:
    """One of the two published AlexNets.

    Attributes:
        channels: of its five convolutions.
        groups: that each convolution is divided into.
        padding: of the first convolution.
        image_size: that its published weights saw.
    """

    channels: tuple[int, ...]
    groups: tuple[int, ...]
    padding: int
    image_size: tuple[int, int]


TOWERS: Mapping[int, Towers] = {
    1: Towers((64, 192, 384, 256, 256), (1, 1, 1, 1, 1), 2, (224, 224)),
    2: Towers((96, 256, 384, 384, 256), (1, 2, 1, 2, 2), 0, (227, 227)),
}
VGG19_BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))


def build_alexnet(
    name: str = "alexnet",
    *,
    towers: int = 1,
    image_size: tuple[int, int] = (224, 224),
    channels: Sequence[int] | None = None,
    units: int = 4096,
    classes: int = 1000,
    dropout: float = 0.5,
) -> keras.Model:
    """Build AlexNet, with random weights.

    Args:
        name: of the model.
        towers: 1, the single tower of 2014, as torchvision has it; 2, that of 2012 with grouped convolutions
            and local response normalisation, as Caffe has it.
        image_size: (height, width), 63 or more each; published weights saw 224 (one tower) and 227 (two).
        channels: of the five convolutions; None for those published.
        units: of fc6 and fc7.
        classes: of the logits.
        dropout: before fc6 and fc7.

    Returns:
        A model from "image" float (N, H, W, 3), pixels 0 to 255, to logits (N, classes).

    Raises:
        UsageError: if `towers` is neither 1 nor 2.
    """
    if towers not in TOWERS:
        raise UsageError(f"AlexNet has 1 or 2 towers; received {towers!r}")
    variant = TOWERS[towers]
    image = keras.Input((*image_size, 3), name="image")
    x = bgr_less_mean(image, CAFFE_MEAN_BGR) if towers == 2 else _standardised(image)
    if variant.padding:
        x = layers.ZeroPadding2D(variant.padding, name="padding")(x)
    for number, (filters, kernel, groups) in enumerate(
        zip(channels or variant.channels, KERNELS, variant.groups, strict=True), 1
    ):
        x = layers.Conv2D(
            filters,
            kernel,
            strides=4 if number == 1 else 1,
            padding="valid" if number == 1 else "same",
            groups=groups,
            activation="relu",
            name=f"conv{number}",
        )(x)
        if number in POOLED:
            if towers != 1 and number != POOLED[-1]:
                x = LocalResponseNormalization(name=f"norm{number}")(x)
            x = layers.MaxPooling2D(3, 2, name=f"pool{number}")(x)
    return _classifier(image, x, ("fc6", "fc7"), units, classes, dropout, name)


def build_vgg19(
    name: str = "vgg19",
    *,
    image_size: tuple[int, int] = (224, 224),
    blocks: Sequence[tuple[int, int]] = VGG19_BLOCKS,
    units: int = 4096,
    classes: int = 1000,
    dropout: float = 0.5,
) -> keras.Model:
    """Build VGG-19, with random weights.

    Args:
        name: of the model.
        image_size: (height, width), multiples of 32; published weights saw 224.
        blocks: convolutions and channels of each block.
        units: of fc17 and fc18.
        classes: of the logits.
        dropout: before fc17 and fc18.

    Returns:
        A model from "image" float (N, H, W, 3), pixels 0 to 255, to logits (N, classes).
    """
    image = keras.Input((*image_size, 3), name="image")
    x = vgg_blocks(
        bgr_less_mean(image, MEAN_BGR), [(convolutions, filters) for convolutions, filters in blocks]
    )[-1]
    x = layers.MaxPooling2D(2, name=f"block{len(blocks)}_pool")(x)
    return _classifier(image, x, ("fc17", "fc18"), units, classes, dropout, name)


def load_alexnet(pixels: int, weights: Path) -> keras.Model:
    """Return AlexNet with published weights; the file tells how many towers.

    Args:
        pixels: side of the images; 224 to 255, so that fc6 fits.
        weights: a .pth file of torchvision's (one tower), or a .npy file as Caffe's is published (two).

    Raises:
        DataError: if the file is missing, broken, or of another network.
    """
    arrays = read_alexnet(weights)
    towers = 1 if arrays["conv1"][0].shape[-1] == TOWERS[1].channels[0] else 2
    model = build_alexnet(towers=towers, image_size=(pixels, pixels))
    for layer, parts in arrays.items():
        try:
            model.get_layer(layer).set_weights(parts)
        except ValueError as error:
            raise DataError(f"{weights} does not fit AlexNet at {pixels} pixels, {layer}: {error}") from error
    return model


def load_vgg19(pixels: int, weights: Path) -> keras.Model:
    """Return VGG-19 with published weights.

    Args:
        pixels: side of the images; 224, so that fc17 fits.
        weights: keras.applications' vgg19_weights_tf_dim_ordering_tf_kernels.h5, with the classifier.

    Raises:
        DataError: if the file is missing, broken, or of another network.
    """
    if not weights.is_file():
        raise DataError(f"there is no file {weights}; expected keras.applications' weights of VGG-19")
    model = build_vgg19(image_size=(pixels, pixels))
    try:
        published = keras.applications.VGG19(weights=str(weights))
        model.set_weights(published.get_weights())
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{weights} does not fit VGG-19 at {pixels} pixels: {error}") from error
    return model


def _standardised(image: keras.KerasTensor) -> keras.KerasTensor:
    scale = [1 / (255 * deviation) for deviation in IMAGENET_STD]
    offset = [-mean / deviation for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]
    return layers.Rescaling(scale, offset=offset, name="standardised")(image)


def _classifier(
    image: keras.KerasTensor,
    x: keras.KerasTensor,
    features: tuple[str, str],
    units: int,
    classes: int,
    dropout: float,
    name: str,
) -> keras.Model:
    x = layers.Flatten(name="flatten")(x)
    for feature in features:
        x = layers.Dropout(dropout, name=f"{feature}_dropout")(x)
        x = layers.Dense(units, activation="relu", name=feature)(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name=name)
