"""ResNet-152 and VGG-16/19 (keras.applications) recast fully convolutional: average-pooled ImageNet features.

Thesis section 5.4.1: features of a picture of any size, its short side 512 pixels, pooled over all places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from kzoo.errors import DataError

SHORT_SIDE = 512
SMALLEST = 224
URL = "https://storage.googleapis.com/tensorflow/keras-applications"
MEAN_BGR = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class Network:
    """One of keras.applications.

    Attributes:
        build: its function there.
        features: dimension of the features.
        file: of its weights with the ImageNet classifier, as Keras names it; `folder` is where Keras has it.
        licence: of the weights.
    """

    build: Callable[..., keras.Model]
    features: int
    file: str
    folder: str
    licence: str


NETWORKS: Mapping[str, Network] = {
    "resnet152": Network(
        keras.applications.ResNet152,
        2048,
        "resnet152_weights_tf_dim_ordering_tf_kernels.h5",
        "resnet",
        "MIT, Kaiming He et al.",
    ),
    **{
        name: Network(
            build,
            4096,
            f"{name}_weights_tf_dim_ordering_tf_kernels.h5",
            name,
            "CC BY 4.0, Visual Geometry Group, Oxford",
        )
        for name, build in {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}.items()
    },
}


def weight_file(name: str, path: Path | None = None) -> Path:
    """Return the file of a network's weights: `path`, or else the one in Keras's own cache.

    Raises:
        DataError: if there is no such file; the message says where to get it and how to pass it.
    """
    network = NETWORKS[name]
    found = path or Path(keras.config.keras_home()) / "models" / network.file
    if not found.is_file():
        raise DataError(
            f"the weights of {name} are not in {found}; download {URL}/{network.folder}/{network.file} and "
            f"name it as {name}:FILE, or put it there"
        )
    return found


def fully_convolutional(name: str, weights: Path | None = None) -> keras.Model:
    """Build a network of NETWORKS for images of any size.

    Args:
        name: a key of NETWORKS.
        weights: a file of the whole classifier, as keras.applications publishes them; random ones if None.

    Returns:
        A model from "image" float (N, H, W, 3), pixels 0 to 255, H and W 224 or more, to features (N, K).

    Raises:
        DataError: if the file does not hold this network's weights.
    """
    try:
        classifier = NETWORKS[name].build(weights=None if weights is None else str(weights))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{weights} does not hold the weights of {name}: {error}") from error
    image = keras.Input((None, None, 3), name="image")
    x = ops.flip(image, axis=-1)
    x = layers.Rescaling(1.0, offset=[-one for one in MEAN_BGR], name="bgr_less_mean")(x)
    x = _trunk(name, classifier)(x)
    if name.startswith("vgg"):
        x = _as_convolution(x, classifier.get_layer("fc1"), kernel=7)
        x = _as_convolution(x, classifier.get_layer("fc2"), kernel=1)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(image, x, name=name)


def _trunk(name: str, classifier: keras.Model) -> keras.Model:
    """Return the convolutional part, for any size, with the classifier's weights."""
    trunk = NETWORKS[name].build(
        weights=None, include_top=False, input_shape=(None, None, 3), name=f"{name}_trunk"
    )
    trunk.set_weights(classifier.get_weights()[: len(trunk.weights)])
    return trunk


def _as_convolution(x: Any, dense: layers.Dense, kernel: int) -> Any:
    """Apply a dense layer over (7, 7, C) or (1, 1, C) at every place where it fits."""
    convolution = layers.Conv2D(dense.units, kernel, activation="relu", name=dense.name)
    y = convolution(x)
    weights, bias = dense.get_weights()
    convolution.set_weights([weights.reshape(convolution.kernel.shape), bias])
    return y
