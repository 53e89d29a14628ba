"""Images and their neighbours as a table, as JSON, and as a sheet of pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer


def show_neighbours(
    images: Sequence[Path],
    ids: Sequence[Sequence[str]],
    scores: Sequence[Sequence[float]],
    metadata: Mapping[str, Mapping[str, Any]],
    page: Path | None,
    *,
    as_json: bool,
) -> None:
    """Print the neighbours of each image, nearest first, and draw them into a PNG file.

    Args:
        images: Q files.
        ids, scores: of each image's neighbours.
        metadata: of each id.
        page: the PNG file, or None.
        as_json: print JSON in place of a table.
    """
    rows: list[dict[str, Any]] = [
        {
            "image": str(path),
            "neighbours": [
                {"id": one, "score": score, "metadata": metadata[one]}
                for one, score in zip(found, values, strict=True)
            ],
        }
        for path, found, values in zip(images, ids, scores, strict=True)
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print_table(images, rows)
    if page is not None:
        from kzoo.evaluation.gallery import neighbour_sheet

        captions = [
            [
                f"{score:.3f} {metadata[one].get('class', '')}"
                for one, score in zip(found, values, strict=True)
            ]
            for found, values in zip(ids, scores, strict=True)
        ]
        neighbour_sheet(page, images, ids, captions, metadata)
        typer.echo(f"wrote {page}", err=as_json)


def _print_table(images: Sequence[Path], rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("image", "place", "id", "score", "class")
    for path, row in zip(images, rows, strict=True):
        for place, one in enumerate(row["neighbours"], 1):
            name = path.name if place == 1 else ""
            kind = one["metadata"].get("class", "")
            table.add_row(name, str(place), one["id"], f"{one['score']:.4f}", kind)
    Console().print(table)
