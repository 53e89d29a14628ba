"""Normalisations of whole images."""

from __future__ import annotations

from typing import Any

from keras import ops

CONTRAST_FLOOR = 1e-8
CHANNEL_MEANS = (123.68, 116.779, 103.939)


def global_contrast_normalize(images: Any, scale: float = 1.0, floor: float = CONTRAST_FLOOR) -> Any:
    """Give each image zero mean and the standard deviation `scale`, over all its pixels and channels.

    An image of one colour has no contrast to normalise: it becomes zeros. This is the one definition
    of the thesis's preprocessing (section 2.4.1); the input pipelines and the exported graphs call it.

    Args:
        images: (N, H, W, C), any integer or float dtype, any range. Integers are computed in float32.
        scale: the standard deviation of each result.
        floor: the least contrast that an image is divided by.

    Returns:
        (N, H, W, C) in the floating dtype of the input (float32 for integers).

    Source: Goodfellow, Bengio, Courville, Deep Learning, eq. 12.3 with lambda = 0; the data of
    Goodfellow et al., Maxout Networks, 2013, which the thesis cites as [131].
    """
    images = ops.convert_to_tensor(images)
    if "float" not in str(images.dtype):
        images = ops.cast(images, "float32")
    axes = tuple(range(1, len(images.shape)))
    centred = images - ops.mean(images, axis=axes, keepdims=True)
    contrast = ops.sqrt(ops.mean(ops.square(centred), axis=axes, keepdims=True))
    return scale * centred / ops.maximum(contrast, floor)


def subtract_channel_means(images: Any) -> Any:
    """Subtract from RGB the means of the ImageNet training images: 123.68, 116.779, 103.939.

    Args:
        images: (N, H, W, 3), any integer or float dtype, pixels 0 to 255. Integers are computed in float32.

    Source: the means published with VGG (Simonyan and Zisserman, 2014), one a channel where the thesis
    (section 2.4.2) subtracts one a pixel: images of any size, and crops anywhere, have them.
    """
    images = ops.convert_to_tensor(images)
    if "float" not in str(images.dtype):
        images = ops.cast(images, "float32")
    return images - ops.convert_to_tensor(CHANNEL_MEANS, dtype=images.dtype)
