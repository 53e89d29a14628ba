"""System 8: SwapGAN, clothes swapped between persons, and its ablations (thesis section 8.2)."""

from __future__ import annotations

from pathlib import Path

from kzoo.registry import register
from kzoo.system import System
from kzoo.systems.swapgan.published import published
from kzoo.systems.swapgan.recipes import recipes

TINY = {"width": 4, "residual_blocks": 1, "mask_width": 4, "mask_convolutions": 4, "discriminator_width": 4}
GENERATOR_1, GENERATOR_2, GENERATOR_3, DISCRIMINATOR = 30_144_451, 30_150_723, 54_405_505, 2_767_809


def _system(name: str, summary: str, *, segmentation: bool, masks: bool) -> System:
    inputs: dict[str, tuple[int | None, ...]] = {
        "condition": (None, None, 3),
        "reference": (None, None, 3),
        "reference_pose": (None, None, 3),
    }
    if segmentation:
        inputs["condition_segments"] = (None, None, 5)
    return System(
        name=name,
        room="swapgan",
        summary=summary,
        task="swap",
        build_reference="kzoo.systems.swapgan.network:build_swapper",
        options={
            "segmentation": segmentation,
            "masks": masks,
            "width": 64,
            "residual_blocks": 6,
            "mask_width": 64,
            "mask_convolutions": 8,
            "discriminator_width": 64,
        },
        tiny=TINY,
        inputs=inputs,
        parameters=GENERATOR_1 + segmentation * GENERATOR_2 + masks * GENERATOR_3 + DISCRIMINATOR,
        features={},
        recipes=recipes(),
        signatures_reference="kzoo.systems.swapgan.endpoints:signatures",
        evaluate_reference="kzoo.systems.swapgan.evaluate:evaluate",
        losses_reference="kzoo.systems.swapgan.task:losses",
        judgements_reference="kzoo.systems.swapgan.task:judgements",
        card_text=Path(__file__).with_name("card.md"),
        published=published(name),
    )


register(_system("swapgan", "a pose, segments and masks: three generators", segmentation=True, masks=True))
register(_system("swapgan_g1_g3", "without the generator of segments", segmentation=False, masks=True))
register(_system("swapgan_g1_g2", "without the generator of masks", segmentation=True, masks=False))
