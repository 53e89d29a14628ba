"""System 5, CycleMatch: cycle-consistent embeddings for image-text matching (thesis chapter 6)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kzoo.registry import register
from kzoo.system import System
from kzoo.systems.cyclematch.published import published
from kzoo.systems.cyclematch.recipes import recipes

TINY = {"image_dim": 12, "text_dim": 10, "widths": (16, 8, 8)}
DUAL, RECONSTRUCTED, CYCLE = "dual", "reconstructed", "latent_cycle"
DENSE_TO_FC3 = 2 * (2048 * 512 + 512) + 2 * (512 * 512 + 512) + (2048 + 4096 + 2) * 2048
DENSE_FC4 = (512 * 4096 + 4096) + (512 * 2048 + 2048)
AFFINE_TO_FC3, AFFINE_FC4 = 2 * 2 * 2 * 512, 2 * (2048 + 4096)


@dataclass(frozen=True)
class Variant:
    """One row of table 6.1: its cycles, and the terms that it is trained by."""

    summary: str
    terms: tuple[str, ...]
    cycles: tuple[str, ...] = ()
    mappings: bool = True


def _of(side: str, *terms: str) -> tuple[str, ...]:
    return tuple(f"{side}_{term}" for term in terms)


VARIANTS = {
    "cyclematch": Variant(
        "cycle-consistent embeddings, both cycles",
        _of("image", DUAL, RECONSTRUCTED, CYCLE) + _of("text", DUAL, RECONSTRUCTED, CYCLE),
        ("image", "text"),
    ),
    "latentmatch": Variant("one latent space, without mappings", ("latent",), mappings=False),
    "dualmatch": Variant("two mappings, without cycles", _of("image", DUAL) + _of("text", DUAL)),
    "cyclematch_no_latent": Variant(
        "both cycles, without latent embeddings",
        _of("image", DUAL, RECONSTRUCTED) + _of("text", DUAL, RECONSTRUCTED),
        ("image", "text"),
    ),
    "cyclematch_i2t2i": Variant(
        "the cycle from image to text and back", _of("image", DUAL, RECONSTRUCTED, CYCLE), ("image",)
    ),
    "cyclematch_t2i2t": Variant(
        "the cycle from text to image and back", _of("text", DUAL, RECONSTRUCTED, CYCLE), ("text",)
    ),
}


def _system(name: str, variant: Variant) -> System:
    return System(
        name=name,
        room="cyclematch",
        summary=variant.summary,
        task="matching",
        build_reference="kzoo.systems.cyclematch.network:build_cyclematch",
        options={
            "image_dim": 2048,
            "text_dim": 4096,
            "widths": (2048, 512, 512),
            "dropout": 0.5,
            "mappings": variant.mappings,
            "cycles": variant.cycles,
        },
        tiny=TINY,
        inputs={"image": (2048,), "text": (4096,)},
        parameters=DENSE_TO_FC3 + AFFINE_TO_FC3 + (DENSE_FC4 + AFFINE_FC4 if variant.mappings else 0),
        features={},
        recipes=recipes(variant.terms),
        signatures_reference="kzoo.systems.cyclematch.endpoints:signatures",
        evaluate_reference="kzoo.systems.cyclematch.evaluate:evaluate",
        losses_reference="kzoo.systems.cyclematch.task:losses",
        card_text=Path(__file__).with_name("card.md"),
        published=published(name),
    )


for _name, _variant in VARIANTS.items():
    register(_system(_name, _variant))
