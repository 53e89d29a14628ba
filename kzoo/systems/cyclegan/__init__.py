"""System 7: CycleGAN in its vanilla, long and nested forms (thesis section 8.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kzoo.registry import register
from kzoo.system import System
from kzoo.systems.cyclegan.published import published
from kzoo.systems.cyclegan.recipes import recipes

TINY = {"residual_blocks": 1, "width": 4, "discriminator_width": 4}
GENERATOR, DISCRIMINATOR = 11_378_179, 2_764_737


def _system(name: str, summary: str, cycles: str, length: int, **loss_options: Any) -> System:
    return System(
        name=name,
        room="cyclegan",
        summary=summary,
        task="translation",
        build_reference="kzoo.systems.cyclegan.network:build_translator",
        options={
            "generators_ab": length,
            "generators_ba": length,
            "cycles": cycles,
            "shared": False,
            "residual_blocks": 9,
            "width": 64,
            "discriminator_width": 64,
        },
        tiny=TINY,
        inputs={"a": (None, None, 3), "b": (None, None, 3)},
        parameters=2 * length * GENERATOR + 2 * DISCRIMINATOR,
        features={},
        recipes=recipes(**loss_options),
        signatures_reference="kzoo.systems.cyclegan.endpoints:signatures",
        evaluate_reference="kzoo.systems.cyclegan.evaluate:evaluate",
        losses_reference="kzoo.systems.cyclegan.task:losses",
        judgements_reference="kzoo.systems.cyclegan.task:judgements",
        card_text=Path(__file__).with_name("card.md"),
        published=published(name),
    )


register(_system("gan", "a generator each way, no cycle", "none", 1))
register(_system("cyclegan", "a generator each way, one cycle", "full", 1))
register(_system("long_cyclegan", "two generators each way, one long cycle", "full", 2))
register(
    _system(
        "nest_cyclegan",
        "two generators each way, cycles within the cycle",
        "nested",
        2,
        similarity_weight=1.0,
    )
)
