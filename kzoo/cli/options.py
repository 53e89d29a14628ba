"""Options that several verbs share, so that they read and behave alike."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from kzoo.errors import UsageError
from kzoo.training.strategy_names import STRATEGIES, refusal


class Strategy(str, Enum):
    """Names of `kzoo.training.strategy_names.STRATEGIES`, for the help text."""

    auto = "auto"
    single = "single"
    mirrored = "mirrored"
    multiworker = "multiworker"


def _strategy(name: str) -> Strategy:
    if reason := refusal(name):
        raise typer.BadParameter(reason)
    try:
        return Strategy(name)
    except ValueError:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(STRATEGIES)}.") from None


class MixedPrecision(str, Enum):
    """Number formats of the computation; weights stay float32."""

    none = "none"
    bfloat16 = "bfloat16"
    float16 = "float16"

    @property
    def policy(self) -> str:
        """The Keras dtype policy."""
        return "float32" if self is MixedPrecision.none else f"mixed_{self.value}"


class Weights(str, Enum):
    """Which weights of a run: those of the best epoch on the validation split, or of the last step."""

    best = "best"
    final = "final"


DataOption = Annotated[str, typer.Option("--data", help="A data set (`kzoo data` lists them) or a folder.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a recipe key, as optimizer.learning_rate=0.05."),
]
StrategyOption = Annotated[
    Strategy,
    typer.Option(
        parser=_strategy,
        metavar=f"<{'|'.join(STRATEGIES)}>",
        help="Devices: every GPU or else the CPU; one; several.",
    ),
]
DevicesOption = Annotated[
    int | None, typer.Option(min=1, help="GPUs, or logical CPU devices where there is no GPU.")
]
PrecisionOption = Annotated[
    MixedPrecision, typer.Option("--mixed-precision", help="Format of the computation.")
]
SeedOption = Annotated[
    int | None, typer.Option(help="Of weights, order, dropout; the recipe's own if left out.")
]
DeterministicOption = Annotated[
    bool, typer.Option("--deterministic", help="Only deterministic TensorFlow operations; slower on a GPU.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
WeightsOption = Annotated[Weights, typer.Option(help="Of the best validation epoch, or of the last step.")]


def assignments(set_: list[str] | None, seed: int | None) -> list[str]:
    """Join `--set` and `--seed` to the assignments that a recipe is overridden by."""
    return [*(set_ or []), *([f"seed={seed}"] if seed is not None else [])]


def recipe_of(system: Any, data: str | None, recipe: str | None, changes: list[str]) -> tuple[str, Any]:
    """Return the name and recipe to train with: named, from a YAML file, or the one written for `data`."""
    from kzoo.recipe import Recipe

    if recipe is None and data is None:
        raise UsageError("give --data or --recipe")
    if recipe is None:
        name, chosen = system.recipe_for(data)
    elif recipe.endswith((".yaml", ".yml")):
        name, chosen = recipe, Recipe.from_yaml(_read(Path(recipe)))
    else:
        name, chosen = recipe, system.recipe(recipe)
    renamed = [f"data.name={data}"] if data is not None and chosen.data.name != data else []
    return name, chosen.override([*renamed, *changes])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"recipe file {path} cannot be read: {error}") from error
