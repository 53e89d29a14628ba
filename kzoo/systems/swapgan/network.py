"""SwapGAN: three generators and a discriminator of pairs (thesis section 8.2.2, figures 8.10 and 8.11).

`generator_1` puts the condition's person into the reference's pose, `generator_2` brings the result back
into the shape of the condition's segments, `generator_3` finds the mask of the body in both.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kzoo.backbones.picture_blocks import (
    build_patchgan,
    convolution,
    initializer,
    instance_normalized,
    output_dtype,
    residual_block,
)
from kzoo.errors import UsageError
from kzoo.layers import ReflectionPad2D

SEGMENTS = 5
WIDTHS = (1, 2, 4, 8)
MASK_WIDTHS = (1, 2, 4, 8, 8, 8, 8, 8)


def build_picture_generator(
    name: str, *, condition_channels: int, width: int, residual_blocks: int
) -> keras.Model:
    """Build Generator I or II: an encoder, residual blocks, and a decoder that interpolates (figure 8.11).

    Args:
        name: of the model.
        condition_channels: of the map that says how the picture is to be: a pose's 3, or segments' 5.
        width: channels of the first of the four convolutions; the others have 2, 4 and 8 times as many.
        residual_blocks: 6 as published.

    Returns:
        Model of {image, condition}, float32 (N, H, W, 3) in [-1, 1] and (N, H, W, condition_channels), to an
        image like the first; H and W are multiples of 8.
    """
    image = keras.Input((None, None, 3), name="image")
    condition = keras.Input((None, None, condition_channels), name="condition")
    x = layers.Concatenate(name="joined")([image, condition])
    x = convolution(ReflectionPad2D(3, name="encode1_pad")(x), width, 7, "encode1")
    x = instance_normalized(x, "encode1", layers.ReLU)
    skips = [x]
    for number, factor in enumerate(WIDTHS[1:], start=2):
        x = convolution(x, factor * width, 3, f"encode{number}", strides=2, padding="same")
        x = instance_normalized(x, f"encode{number}", layers.ReLU)
        skips.append(x)
    for number in range(1, residual_blocks + 1):
        x = residual_block(x, WIDTHS[-1] * width, f"block{number}")
    for number, (factor, skip) in enumerate(zip(WIDTHS[-2::-1], skips[-2::-1], strict=True), start=1):
        x = layers.UpSampling2D(2, interpolation="nearest", name=f"decode{number}_up")(x)
        x = layers.Concatenate(name=f"decode{number}_skip")([x, skip])
        x = convolution(x, factor * width, 1, f"decode{number}")
        x = instance_normalized(x, f"decode{number}", layers.ReLU)
    x = convolution(x, 3, 1, "head")
    x = layers.Activation("tanh", dtype=output_dtype(), name="picture")(x)
    return keras.Model({"image": image, "condition": condition}, x, name=name)


def build_mask_generator(name: str, *, width: int, convolutions: int) -> keras.Model:
    """Build Generator III: a U-Net of as many deconvolutions as convolutions.

    Args:
        name: of the model.
        width: channels of the first convolution.
        convolutions: 8 as published; the first keeps the size, the others halve it.

    Returns:
        Model of images float32 (N, H, W, 3) in [-1, 1] to masks (N, H, W, 1) in 0 to 1; H and W are multiples
        of 2^(convolutions - 1).

    Raises:
        UsageError: for other than 2 to 8 convolutions.
    """
    if not 2 <= convolutions <= len(MASK_WIDTHS):
        raise UsageError(
            f"a mask generator has 2 to {len(MASK_WIDTHS)} convolutions; received {convolutions}"
        )
    image = keras.Input((None, None, 3), name="image")
    x, skips = image, []
    filters = [factor * width for factor in MASK_WIDTHS[:convolutions]]
    for number, count in enumerate(filters, start=1):
        x = convolution(x, count, 4, f"encode{number}", strides=1 if number == 1 else 2, padding="same")
        if 1 < number < convolutions:
            x = instance_normalized(x, f"encode{number}", None)
        x = layers.LeakyReLU(negative_slope=0.2, name=f"encode{number}_act")(x)
        skips.append(x)
    for number, (count, skip) in enumerate(zip(filters[-2::-1], skips[-2::-1], strict=True), start=1):
        x = _deconvolution(x, count, 2, f"decode{number}")
        x = instance_normalized(x, f"decode{number}", layers.ReLU)
        x = layers.Concatenate(name=f"decode{number}_skip")([x, skip])
    x = _deconvolution(x, 1, 1, f"decode{convolutions}")
    x = layers.Activation("sigmoid", dtype=output_dtype(), name="mask")(x)
    return keras.Model(image, x, name=name)


def _deconvolution(x: Any, filters: int, strides: int, name: str) -> Any:
    return layers.Conv2DTranspose(
        filters, 4, strides=strides, padding="same", kernel_initializer=initializer(), name=name
    )(x)


def build_swapper(
    name: str,
    *,
    segmentation: bool,
    masks: bool,
    width: int,
    residual_blocks: int,
    mask_width: int,
    mask_convolutions: int,
    discriminator_width: int,
) -> keras.Model:
    """Build the generators and the discriminator as one model.

    Args:
        name: of the model.
        segmentation: with Generator II.
        masks: with Generator III.
        width, residual_blocks: of Generators I and II.
        mask_width, mask_convolutions: of Generator III.
        discriminator_width: of the PatchGAN over pairs of images.

    Returns:
        Model of {condition, reference, reference_pose, condition_segments}, float32 (N, H, W, 3), the last
        (N, H, W, 5), pictures in [-1, 1], to a mapping of swapped, the condition's person in the
        reference's pose, and score_swapped, what the discriminator makes of it beside the condition; with
        `segmentation` restored, `swapped` in the shape of the condition's segments, and score_restored, of
        it beside the reference; with `masks` mask_swapped and, of both, mask_restored. H and W are multiples
        of 8 and of 2^(mask_convolutions - 1). Without `segmentation` condition_segments is no input.
    """
    sizes = {"width": width, "residual_blocks": residual_blocks}
    condition, reference = _pictures("condition"), _pictures("reference")
    pose = _pictures("reference_pose")
    inputs = {"condition": condition, "reference": reference, "reference_pose": pose}
    judge = build_patchgan("discriminator", width=discriminator_width, channels=6)

    posed = build_picture_generator("generator_1", condition_channels=3, **sizes)
    swapped = posed({"image": condition, "condition": pose})
    outputs = {"swapped": swapped, "score_swapped": judge(_pair("swapped", swapped, condition))}
    if segmentation:
        inputs["condition_segments"] = _pictures("condition_segments", SEGMENTS)
        shaped = build_picture_generator("generator_2", condition_channels=SEGMENTS, **sizes)
        restored = shaped({"image": swapped, "condition": inputs["condition_segments"]})
        outputs |= {"restored": restored, "score_restored": judge(_pair("restored", reference, restored))}
    if masks:
        masked = build_mask_generator("generator_3", width=mask_width, convolutions=mask_convolutions)
        for picture in ("swapped", "restored"):
            if picture in outputs:
                outputs[f"mask_{picture}"] = masked(outputs[picture])
    return keras.Model(inputs, outputs, name=name)


def _pictures(name: str, channels: int = 3) -> Any:
    return keras.Input((None, None, channels), name=name)


def _pair(name: str, first: Any, second: Any) -> Any:
    return layers.Concatenate(dtype=output_dtype(), name=f"pair_{name}")([first, second])


def paste_head(swapped: Any, reference: Any, head: Any) -> Any:
    """Return pictures (N, H, W, 3) with the reference's where `head` (N, H, W, 1), 0 to 1, is 1."""
    return swapped * (1 - head) + ops.cast(reference, swapped.dtype) * head
