"""Model cards of registered systems: the hand-written part and what the registry knows, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kzoo.recipe import Recipe
from kzoo.system import System

CODE_LICENCE = "Apache-2.0"
THESIS = (
    "Yu Liu, Exploring images with deep learning for classification, retrieval and synthesis, "
    "PhD thesis, Leiden University, 2018, https://hdl.handle.net/1887/66480"
)


def render_card(system: System) -> str:
    """Return the card of a registered model as Markdown: what `kzoo.card` returns."""
    return "\n".join(_lines(system)).rstrip() + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a Markdown table; "|" in cells is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _lines(system: System) -> Iterator[str]:
    yield f"# {system.name}\n"
    yield f"{system.summary[:1].upper()}{system.summary[1:]}. Source: {THESIS}.\n"
    yield markdown_table(
        ("what", "value"),
        [
            ("system", system.room),
            ("input", _inputs(system)),
            ("normalisation", system.normalization),
            ("trainable parameters", f"{system.parameters:,} with the default options"),
            ("features", ", ".join(f"`{name}`" for name in system.features)),
            ("licence of the code", CODE_LICENCE),
        ],
    )
    yield "\n## Options and defaults\n"
    yield markdown_table(
        ("option", "default"), [(f"`{name}`", f"`{value!r}`") for name, value in system.options.items()]
    )
    yield "\n## Published results\n"
    yield markdown_table(
        ("thesis table", "row", "column", "data", "metric", "value"),
        [(one.table, one.row, one.column, one.data, one.metric, one.value) for one in system.published],
    )
    yield "\n## Recipes\n"
    yield markdown_table(
        ("recipe", "data", "optimiser", "batch", "length", "what"),
        [(f"`{name}`", *_recipe_cells(recipe)) for name, recipe in system.recipes.items()],
    )
    yield "\n" + system.card_text.read_text(encoding="utf-8")


def _recipe_cells(recipe: Recipe) -> tuple[str, ...]:
    length = ", ".join(_length(name, stage) for name, stage in recipe.in_stages())
    optimizer = f"{recipe.optimizer.name}, rate {recipe.optimizer.learning_rate:g} {recipe.schedule.kind}"
    return recipe.data.name, optimizer, str(recipe.batch_size), length, recipe.description


def _length(stage: str, recipe: Recipe) -> str:
    length = f"{recipe.steps:,} steps" if recipe.steps is not None else f"{recipe.epochs:g} epochs"
    return f"{stage}: {length}" if stage else length


def _inputs(system: System) -> str:
    if system.image_size is not None:
        height, width = system.image_size
        return f"{height} x {width} x 3, pixels 0 to 255"
    shapes = system.input_shapes.items()
    return ", ".join(f"{name}: {' x '.join(map(str, shape))}" for name, shape in shapes)
