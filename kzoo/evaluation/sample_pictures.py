"""Figures 8.3 to 8.6, 8.14 and 8.16 of the thesis: what trained generative models make, side by side."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from kzoo import registry
from kzoo.evaluation.results import RunResult
from kzoo.evaluation.table import TableDefinition
from kzoo.training.run_folder import Run
from kzoo.training.tasks import Source, find_task

if TYPE_CHECKING:
    import keras

    from kzoo.data.domains import DomainExamples
    from kzoo.data.people import PersonPairs

GAP, TEXT = 4, 14
EXAMPLES = 6
CROSSED = 4
FIGURES = {
    "cmp_facade": "8.3",
    "house/labels_color": "8.3",
    "cityscapes": "8.4",
    "sbir_chairs": "8.5",
    "sbir_shoes": "8.6",
    "house/outline_color": "8.5",
}
Figures = dict[str, bytes]


def figures_of_runs(table: TableDefinition, found: Sequence[RunResult], source: Source) -> dict[str, bytes]:
    """Return `figures_of` a table: what the last weights of the lowest seed of each row make."""
    rows = {row.name for row in table.rows if not row.metric_prefix}
    first: dict[str, RunResult] = {}
    for one in sorted(found, key=lambda one: one.seed):
        if one.row in rows:
            first.setdefault(one.row, one)
    models = {name: partial(Run.open(one.folders[-1]).model, "final") for name, one in first.items()}

    def read() -> Any:
        run = next(iter(first.values()))
        system = registry.find(run.system)
        return find_task(system.task).examples(system, source, run.evaluation.split)

    return figures_of(table.table, source.name, models, read)


def figures_of(
    table: str, data: str, models: Mapping[str, Callable[[], keras.Model]], read: Callable[[], Any]
) -> Figures:
    """Return the figures that belong to a table of chapter 8, title to PNG; none for other tables.

    Args:
        table: "8.1", "8.2" or "8.3".
        data: name of the data set.
        models: row to what loads a model of it.
        read: gives the test split. Those that are shown are spread over it evenly, not chosen.
    """
    loaded = {name: load() for name, load in models.items()} if table in ("8.1", "8.2", "8.3") else {}
    if not loaded:
        return {}
    examples = read()
    if table == "8.1":
        number = FIGURES.get(data, "8.3")
        return {
            f"Figure {number}{letter}: {way}": translations_picture(loaded, examples, domain)
            for letter, domain, way in (("a", "b", "A to B"), ("b", "a", "B to A"))
        }
    if table == "8.2":
        title = "Figure 8.14: references in the first row, conditions in the first column"
        return {title: crossed_picture(next(iter(loaded.values())), examples)}
    return {"Figure 8.16: the ablations": swaps_picture(loaded, examples)}


def spread(count: int, total: int) -> np.ndarray:
    """Return `count` indices, or all, evenly over 0 to total - 1."""
    return np.linspace(0, total - 1, min(count, total)).round().astype(int)


def translations_picture(
    models: Mapping[str, keras.Model], examples: DomainExamples, domain: str, count: int = EXAMPLES
) -> bytes:
    """Draw pictures of one domain, their translations into `domain` by each model, and the true ones."""
    from kzoo.systems.cyclegan.evaluate import translated

    source, target = (examples.a, examples.b) if domain == "b" else (examples.b, examples.a)
    rows = spread(count, len(source))
    columns = {"input": source[rows]}
    columns |= {name: translated(model, domain, source[rows]) for name, model in models.items()}
    if examples.paired:
        columns["true"] = target[rows]
    return labelled_grid(columns)


def swaps_picture(models: Mapping[str, keras.Model], pairs: PersonPairs, count: int = EXAMPLES) -> bytes:
    """Draw conditions, references, what each model makes of them, and the true swaps where they are known."""
    from kzoo.systems.swapgan.evaluate import generated

    rows = spread(count, len(pairs))
    chosen = pairs.crossed(rows, rows)
    columns = {"condition": chosen.condition.images, "reference": chosen.reference.images}
    columns |= {name: generated(model, chosen)["reference"] for name, model in models.items()}
    if pairs.target is not None:
        columns["true"] = pairs.target[rows]
    return labelled_grid(columns)


def crossed_picture(model: keras.Model, pairs: PersonPairs, count: int = CROSSED) -> bytes:
    """Draw some references, each in the clothes of some conditions: a row a condition."""
    from kzoo.systems.swapgan.evaluate import generated

    rows = spread(count, len(pairs))
    crossed = pairs.crossed(np.repeat(rows, len(rows)), np.tile(rows, len(rows)))
    made = generated(model, crossed)["reference"]
    made = made.reshape(len(rows), len(rows), *made.shape[1:])
    blank = np.full_like(pairs.reference.images[:1], 255)
    columns = {"condition": np.concatenate([blank, pairs.condition.images[rows]])}
    for number, row in enumerate(rows):
        columns[f"reference {number + 1}"] = np.concatenate([pairs.reference.images[[row]], made[:, number]])
    return labelled_grid(columns)


def labelled_grid(columns: Mapping[str, Sequence[np.ndarray] | np.ndarray]) -> bytes:
    """Return a PNG with a column of uint8 pictures (N, H, W, 3) a name, the names above."""
    from PIL import Image, ImageDraw, ImageFont

    first = next(iter(columns.values()))
    height, width = (side + GAP for side in first[0].shape[:2])
    wide = max(width, 96)
    sheet = Image.new("RGB", (len(columns) * wide + GAP, len(first) * height + TEXT + 2 * GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=TEXT - 2)
    for number, (name, pictures) in enumerate(columns.items()):
        left = GAP + number * wide
        draw.text((left, GAP), name, fill="black", font=font)
        for row, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(np.asarray(picture)), (left, TEXT + 2 * GAP + row * height))
    png = io.BytesIO()
    sheet.save(png, "PNG")
    return png.getvalue()
