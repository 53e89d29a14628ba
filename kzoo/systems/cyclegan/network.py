"""Generators, discriminators and the four models built of them (thesis section 8.1, figures 8.1 and 8.2).

Every model holds its networks as layers: `generator_ab_1` to `generator_ab_M`, `generator_ba_1` to
`generator_ba_N`, `discriminator_a`, `discriminator_b`. Long and Nest differ from the vanilla model in how
many generators stand in a chain and in the partial ways that lead back to the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import layers

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

Cycles = Literal["none", "full", "nested"]
CYCLES = ("none", "full", "nested")


def build_generator(name: str, *, width: int, residual_blocks: int) -> keras.Model:
    """Build a generator: two halvings, residual blocks, two doublings.

    Args:
        name: of the model.
        width: channels of the first convolution; 64 as published.
        residual_blocks: 9 for 256x256, 6 for 128x128 and below.

    Returns:
        Model of images float32 (N, H, W, 3) in [-1, 1] to images alike; H and W are multiples of 4.
    """
    image = keras.Input((None, None, 3), name="image")
    x = convolution(ReflectionPad2D(3, name="stem_pad")(image), width, 7, "stem")
    x = instance_normalized(x, "stem", layers.ReLU)
    for number, filters in enumerate((2 * width, 4 * width), start=1):
        x = convolution(x, filters, 3, f"down{number}", strides=2, padding="same")
        x = instance_normalized(x, f"down{number}", layers.ReLU)
    for number in range(1, residual_blocks + 1):
        x = residual_block(x, 4 * width, f"block{number}")
    for number, filters in enumerate((2 * width, width), start=1):
        x = layers.Conv2DTranspose(
            filters, 3, strides=2, padding="same", kernel_initializer=initializer(), name=f"up{number}"
        )(x)
        x = instance_normalized(x, f"up{number}", layers.ReLU)
    x = convolution(ReflectionPad2D(3, name="head_pad")(x), 3, 7, "head")
    x = layers.Activation("tanh", dtype=output_dtype(), name="translated")(x)
    return keras.Model(image, x, name=name)


def _through(generators: Sequence[keras.Model], image: Any) -> list[Any]:
    """Return the image and what each generator in turn makes of it."""
    images = [image]
    for generator in generators:
        images.append(generator(images[-1]))
    return images


def _chain(direction: str, length: int, shared: bool, **sizes: int) -> list[keras.Model]:
    names = [f"generator_{direction}_{number}" for number in range(1, length + 1)]
    if shared:
        return [build_generator(names[0], **sizes)] * length
    return [build_generator(name, **sizes) for name in names]


def build_translator(
    name: str,
    *,
    generators_ab: int,
    generators_ba: int,
    cycles: Cycles,
    shared: bool,
    residual_blocks: int,
    width: int,
    discriminator_width: int,
) -> keras.Model:
    """Build two chains of generators and the two discriminators that judge their ends.

    Args:
        name: of the model.
        generators_ab: M, generators from A to B.
        generators_ba: N, generators from B to A.
        cycles: "none", "full" (eq. 8.2, 8.5) or "nested" (eq. 8.8), which needs M = N.
        shared: one generator stands for all of its chain (thesis section 9.2).
        residual_blocks, width: of each generator.
        discriminator_width: of each discriminator.

    Returns:
        Model of {a, b}, images float32 (N, H, W, 3) in [-1, 1], H and W multiples of 8, to a mapping of
        fake_b, fake_a, the ends of the chains; score_fake_b, score_fake_a, what the discriminators make of
        them; unless `cycles` is "none", cycled_a_M, cycled_b_N, the input after a whole chain and back by the
        other; and, if it is "nested", cycled_a_m, cycled_b_m for m < M, the input after m generators and back
        by the last m of the other chain, and first_ab, first_ba, what the first generators make.

    Raises:
        UsageError: for a chain without generators, an unknown `cycles`, or nested ones of unequal chains.
    """
    if min(generators_ab, generators_ba) < 1:
        raise UsageError(
            f"a chain has one generator or more; received generators_ab={generators_ab}, "
            f"generators_ba={generators_ba}"
        )
    if cycles not in CYCLES:
        raise UsageError(f"cycles are one of {', '.join(CYCLES)}; received {cycles!r}")
    if cycles == "nested" and generators_ab != generators_ba:
        raise UsageError(
            f"nested cycles need chains of one length; received generators_ab={generators_ab}, "
            f"generators_ba={generators_ba}"
        )
    sizes = {"width": width, "residual_blocks": residual_blocks}
    a, b = keras.Input((None, None, 3), name="a"), keras.Input((None, None, 3), name="b")
    to_b = _chain("ab", generators_ab, shared, **sizes)
    to_a = _chain("ba", generators_ba, shared, **sizes)
    judge_a = build_patchgan("discriminator_a", width=discriminator_width)
    judge_b = build_patchgan("discriminator_b", width=discriminator_width)

    outputs: dict[str, Any] = {}
    for image, there, back, names, judge in (
        (a, to_b, to_a, ("fake_b", "first_ab", "cycled_a"), judge_b),
        (b, to_a, to_b, ("fake_a", "first_ba", "cycled_b"), judge_a),
    ):
        fake, first, cycled = names
        way = _through(there, image)
        outputs |= {fake: way[-1], f"score_{fake}": judge(way[-1])}
        if cycles == "nested":
            outputs[first] = way[1]
            for number in range(1, len(there)):
                outputs[f"{cycled}_{number}"] = _through(back[-number:], way[number])[-1]
        if cycles != "none":
            outputs[f"{cycled}_{len(there)}"] = _through(back, way[-1])[-1]
    return keras.Model({"a": a, "b": b}, outputs, name=name)
