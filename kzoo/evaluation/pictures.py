"""Figures 2.7 and 2.8 of the thesis from run folders, and 2.1 and 2.12 from a model, as PNG."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kzoo import registry
from kzoo.errors import RunError, UsageError
from kzoo.files import write_atomic

if TYPE_CHECKING:
    import keras
    from matplotlib.axes import Axes

    from kzoo.data.sources import DataSource
    from kzoo.training.run_folder import Run

DOTS_PER_INCH = 110
MAPS = 4
PANELS_A_ROW = 2
MARKER = "."


def fusion_weights_picture(runs: Mapping[str, Sequence[Path]]) -> bytes:
    """Draw mean and standard deviation of each branch's fusion weights over the epochs (figure 2.8).

    Args:
        runs: title of a panel to run folders of one system; their tables are averaged epoch by epoch.

    Raises:
        RunError: for a folder without a readable fusion_weights.csv.
    """
    columns = min(PANELS_A_ROW, len(runs))
    rows = -(-len(runs) // columns)
    figure = Figure(figsize=(5.2 * columns, 4.0 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel in panels[len(runs) :]:
        panel.set_axis_off()
    for panel, (title, folders) in zip(panels, runs.items(), strict=False):
        table = averaged([folder / "fusion_weights.csv" for folder in folders])
        branches = sum(name.endswith("_mean") for name in table)
        for number in range(1, branches + 1):
            mean, deviation = (
                table[f"branch_{number}_mean"],
                table[f"branch_{number}_deviation"],
            )
            name = f"branch {number}" + (" (main)" if number == branches else "")
            (line,) = panel.plot(table["epoch"], mean, marker=MARKER, label=name)
            panel.fill_between(
                table["epoch"],
                mean - deviation,
                mean + deviation,
                alpha=0.2,
                color=line.get_color(),
            )
        panel.set_title(f"{title}{_over(folders)}")
        panel.set_ylabel("fusion weight, mean ± deviation")
        _finish_curves(panel)
    return as_png(figure)


def history_picture(runs: Mapping[str, Sequence[Path]]) -> bytes:
    """Draw training loss and, where there is a validation split, its error over the epochs (figure 2.7).

    Args:
        runs: name of a line to run folders of one system; their tables are averaged epoch by epoch.

    Raises:
        RunError: for a folder without a readable history.csv.
    """
    tables = {name: averaged([folder / "history.csv" for folder in paths]) for name, paths in runs.items()}
    validated = all("val_accuracy" in table for table in tables.values())
    figure = Figure(figsize=(5.6 * (1 + validated), 4.0), layout="constrained")
    panels = figure.subplots(1, 1 + validated, squeeze=False)[0]
    for name, table in tables.items():
        label = f"{name}{_over(runs[name])}"
        panels[0].plot(table["epoch"], table["loss"], marker=MARKER, label=label)
        if validated:
            panels[1].plot(table["epoch"], 100 * (1 - table["val_accuracy"]), marker=MARKER, label=label)
    panels[0].set_ylabel("training loss")
    if validated:
        panels[1].set_ylabel("validation error, %")
    for panel in panels:
        _finish_curves(panel)
    return as_png(figure)


def top_activations_picture(model: keras.Model, images: np.ndarray, normalization: str) -> bytes:
    """Draw, for each image, the feature maps of each branch with the highest means (figures 2.1 and 2.12).

    Each map is drawn from 0 (dark) to its own maximum (bright); above it stand its channel and its mean.

    Args:
        model: with the layers side_1_conv, side_2_conv, ... and main_conv, or with main_conv only.
        images: uint8 (N, H, W, 3), N >= 1, of the model's input size.
        normalization: that the model was trained with, as `kzoo.data.pipeline.normalize` names it.

    Raises:
        UsageError: for other images, or a model without such layers.
    """
    import keras

    from kzoo.data.pipeline import normalize

    expected = tuple(model.input_shape[1:])
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected or not len(images):
        raise UsageError(
            f"expected uint8 images (N, {', '.join(map(str, expected))}), N >= 1; received {images.dtype} "
            f"{images.shape}"
        )
    names = [layer.name for layer in model.layers]
    branches = [name for name in names if name.startswith("side_") and name.endswith("_conv")]
    branches += [name for name in ("main_conv",) if name in names]
    if not branches:
        raise UsageError(f"{model.name} has no layer side_*_conv or main_conv")
    inner = keras.Model(model.input, {name: model.get_layer(name).output for name in branches})
    outputs = inner(normalize(images, normalization), training=False)
    maps = {name: keras.ops.convert_to_numpy(outputs[name]) for name in branches}

    columns = 1 + MAPS * len(branches)
    figure = Figure(figsize=(1.05 * columns, 1.3 * len(images) + 0.4), layout="constrained")
    panels = figure.subplots(len(images), columns, squeeze=False)
    for row, image in enumerate(images):
        panels[row, 0].imshow(image)
        for number, (name, activations) in enumerate(maps.items()):
            first = 1 + MAPS * number
            _draw_top_maps(panels[row, first : first + MAPS], activations[row])
            if row == 0:
                panels[0, first].text(
                    0,
                    1.35,
                    name.removesuffix("_conv"),
                    transform=panels[0, first].transAxes,
                    weight="bold",
                )
    for panel in panels.flat:
        panel.set_axis_off()
    return as_png(figure)


def write_run_pictures(run: Run, source: DataSource, split: str, which: str, folder: Path) -> list[Path]:
    """Write what there is to see of a run into a folder: its history, its fusion weights, its activations.

    Args:
        run: a finished run.
        source, split: whose first examples, one a class, the activations are shown for.
        which: "best" or "final" weights, of the activations.
        folder: gets history.png and, of a network over images, activations.png and, for a fusion with
            weights, fusion_weights.png.

    Raises:
        RunError: if the run has not ended or a table of it cannot be read.
        UnknownNameError: if the source has no such split.
    """
    model = run.model(which)
    pictures = {"history": history_picture({run.description.model: [run.folder]})}
    if registry.find(run.description.model).image_size is not None:
        arrays = source.arrays(split, image_size=tuple(model.input_shape[1:3]))
        first_of_each_class = np.unique(arrays["label"], return_index=True)[1]
        normalization = run.description.recipe.pipeline.normalization
        images = arrays["image"][first_of_each_class]
        pictures["activations"] = top_activations_picture(model, images, normalization)
    if (run.folder / "fusion_weights.csv").is_file():
        pictures["fusion_weights"] = fusion_weights_picture({run.description.model: [run.folder]})
    for name, png in pictures.items():
        write_atomic(folder / f"{name}.png", png)
    return [folder / f"{name}.png" for name in pictures]


def top_channels(activations: np.ndarray, count: int) -> list[tuple[int, float]]:
    """Return the `count` channels of (H, W, C) with the highest means as (channel, mean), highest first.

    Of equal means the lower channel comes first.
    """
    means = activations.mean(axis=(0, 1))
    order = np.argsort(-means, kind="stable")[:count]
    return [(int(channel), float(means[channel])) for channel in order]


def averaged(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """Average CSV tables of one row an epoch, over the epochs and columns that all of them have.

    Raises:
        RunError: for a table that is missing, empty, or holds anything but numbers.
    """
    tables = [_read(path) for path in paths]
    columns = [name for name in tables[0] if all(name in table for table in tables)]
    length = min(len(table["epoch"]) for table in tables)
    return {name: np.mean([table[name][:length] for table in tables], axis=0) for name in columns}


def _finish_curves(panel: Axes) -> None:
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)
    panel.legend()


def _draw_top_maps(panels: Iterable[Axes], activations: np.ndarray) -> None:
    for panel, (channel, mean) in zip(panels, top_channels(activations, MAPS), strict=False):
        panel.imshow(activations[:, :, channel], cmap="magma", vmin=0)
        panel.set_title(f"{channel}: {mean:.2f}", fontsize=8)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if not rows or "epoch" not in rows[0]:
            raise ValueError("expected a heading with 'epoch' and a row an epoch")
        return {name: np.array([_number(row[name]) for row in rows]) for name in rows[0]}
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def _number(cell: str) -> float:
    """Return NaN for an empty cell: a loss term that a stage of the training does not have."""
    return float("nan" if cell == "" else cell)


def _over(folders: Sequence[Path]) -> str:
    return f", mean of {len(folders)} runs" if len(folders) > 1 else ""


def as_png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()
