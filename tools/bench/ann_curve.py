"""The picture of `ann.py`: recall at 10 against queries a second, by data set and way to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WAYS = {"batched": "batched_queries_per_second", "one at a time": "single_queries_per_second"}


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Write a PNG of the rows that `ann.py` measured.

    Args:
        rows: with data, size, contender, recall_at_10 and the columns of WAYS.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    sets = list(dict.fromkeys(row["data"] for row in rows))
    figure, panels = pyplot.subplots(len(sets), len(WAYS), figsize=(11, 4.2 * len(sets)), squeeze=False)
    for line, data in zip(panels, sets, strict=True):
        size = next(row["size"] for row in rows if row["data"] == data)
        for panel, (way, column) in zip(line, WAYS.items(), strict=True):
            for name in dict.fromkeys(row["contender"] for row in rows):
                points = sorted(
                    (row["recall_at_10"], row[column])
                    for row in rows
                    if (row["data"], row["contender"]) == (data, name)
                )
                panel.plot(*zip(*points, strict=True), "o-", label=name, markersize=4)
            panel.axvline(0.99, color="grey", linewidth=0.8, linestyle=":")
            panel.set(
                title=f"{data}, {size:,} x 512, {way}",
                xlabel="recall at 10",
                ylabel="queries a second of one core",
                yscale="log",
                xlim=(0.8, 1.005),
            )
            panel.grid(alpha=0.3)
    panels[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
