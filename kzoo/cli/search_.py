"""`kzoo search`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow
from kzoo.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("search")(search)


def search(
    gallery: Annotated[Path, typer.Argument(help="A gallery's folder; --build makes it.")],
    model: Annotated[
        Path, typer.Option(help="An exported matching network: savedmodels/NAME or NAME/VERSION.")
    ],
    text: Annotated[str | None, typer.Option(help="Words: the images nearest to them are found.")] = None,
    image: Annotated[
        Path | None, typer.Option(help="An image file: the captions nearest to it are found.")
    ] = None,
    build: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="First make the gallery of a captioned data set or image folder."),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option("--split", help="A split of DATA; all of them if left out.")
    ] = None,
    count: Annotated[int, typer.Option("-k", min=1, help="Answers.")] = 10,
    page: Annotated[
        Path | None, typer.Option("--page", "-o", help="Write the answers' pictures to this PNG file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: options.QuietOption = False,
) -> None:
    """Find images by words, or captions by an image, in a gallery that a matching network has embedded.

    Example: kzoo search gallery --model savedmodels/rrfnet --build house/emoji_captions --split test
    --text "a small dog" -o dogs.png
    """
    if (text is None) == (image is None) and (build is None or text is not None):
        raise UsageError("give --text or --image, one of the two")
    import_tensorflow()
    from kzoo.evaluation.pair_gallery import PairEmbedder, build_pair_gallery, search_pairs

    embedder = PairEmbedder.open(model)
    if build is not None:
        counts = build_pair_gallery(build, split or [], embedder, gallery, quiet=quiet)
        typer.echo(f"{gallery}: {counts['images']} images, {counts['texts']} captions", err=as_json)
    query = text if text is not None else image
    if query is None:
        return
    found, metadata = search_pairs(gallery, embedder, query, count)
    rows = [
        {"id": one, "score": float(score), **facts}
        for one, score, facts in zip(found.ids[0].tolist(), found.scores[0], metadata, strict=True)
    ]
    _print(str(query), rows, as_json=as_json)
    if page is not None:
        _write_sheet(page, gallery, str(query), rows)
        typer.echo(f"wrote {page}", err=as_json)


def _print(query: str, rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"query": query, "answers": rows}, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "id", "score", "caption", title=query)
    for place, row in enumerate(rows, 1):
        table.add_row(str(place), row["id"], f"{row['score']:.4f}", "; ".join(_words(row)))
    Console().print(table)


def _words(row: dict[str, Any]) -> list[str]:
    return [row["caption"]] if "caption" in row else list(row.get("captions", []))


def _write_sheet(page: Path, gallery: Path, title: str, rows: list[dict[str, Any]]) -> None:
    from kzoo.evaluation.pair_gallery import pair_sheet, pictures_of

    ids = [row.get("image", row["id"]) for row in rows]
    pictures = pictures_of(gallery, ids)
    words = [[f"{row['score']:.3f}", *_words(row)[:1]] for row in rows]
    pair_sheet(page, title, [pictures[one] for one in ids], words)
