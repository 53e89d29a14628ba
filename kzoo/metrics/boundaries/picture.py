"""Curves of precision over recall as a picture, with lines of equal F."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kzoo.files import write_atomic
from kzoo.metrics.boundaries.summary import Curve

LEVELS = np.arange(0.1, 1.0, 0.1)


def draw_curves(curves: Mapping[str, Curve], path: Path) -> None:
    """Write a PNG with a curve each, its best point marked and named with its F, over lines of equal F.

    Args:
        curves: by the name in the legend, one or more.
        path: of the file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 5.6), dpi=120, layout="constrained")
    panel = figure.add_subplot()
    recall = np.linspace(0.01, 1, 200)
    for level in LEVELS:
        inside = recall > level / (2 - level)
        panel.plot(
            recall[inside], level * recall[inside] / (2 * recall[inside] - level), "0.85", linewidth=0.8
        )
        panel.annotate(f"{level:.1f}", (1.005, level / (2 - level)), color="0.6", fontsize=7, va="center")
    for name, curve in curves.items():
        best = curve.best()
        (line,) = panel.plot(curve.recall, curve.precision, label=f"{name}: F {best.f:.3f}")
        panel.plot(best.recall, best.precision, "o", color=line.get_color())
    panel.set(xlim=(0, 1), ylim=(0, 1), xlabel="recall", ylabel="precision", aspect="equal")
    panel.legend(loc="lower left")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    write_atomic(path, file.getvalue())
