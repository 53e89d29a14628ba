"""`kzoo search`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kzoo.cli import options
from kzoo.cli.index_ import search_images
from kzoo.cli.neighbours import show_neighbours
from kzoo.cli.quiet import import_tensorflow
from kzoo.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("search")(search)


def search(
    gallery: Annotated[
        Path,
        typer.Argument(
            help="A gallery's folder, which --build makes; an index of images, of `kzoo index build`; with "
            "--server, a model's name."
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            help="An exported matching network, savedmodels/NAME or NAME/VERSION; of an index, what made it."
        ),
    ] = None,
    text: Annotated[str | None, typer.Option(help="Words: the images nearest to them are found.")] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="An image file: the captions nearest to it are found; in an index, the images."),
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
    server: Annotated[
        str | None,
        typer.Option(help="Ask a running server, as 127.0.0.1:8500, of a model with an index beside it."),
    ] = None,
    quiet: options.QuietOption = False,
) -> None:
    """Find images by words, captions by an image, or images by an image.

    Words and captions need a gallery that a matching network has embedded; images need an index of images.

    Example: kzoo search gallery --model savedmodels/rrfnet --build house/emoji_captions --split test
    --text "a small dog" -o dogs.png

    Example: kzoo search gallery --model savedmodels/cfn_a --image cat.png -o neighbours.png

    Example: kzoo search cfn_a --server 127.0.0.1:8500 --image cat.png -o neighbours.png
    """
    from kzoo.retrieval.folder import MANIFEST

    if server is not None:
        if image is None or text is not None or model is not None or build is not None:
            raise UsageError(
                "--server goes with a model's name and --image, not with --text, --model or --build"
            )
        _search_served(str(gallery), server, image, count, page, as_json=as_json)
        return
    if model is None:
        raise UsageError("expected --model, what made the gallery, or --server")
    if build is None and (gallery / MANIFEST).is_file():
        if image is None or text is not None:
            raise UsageError(f"{gallery} is an index of images; give --image, and no --text")
        search_images(str(gallery), model, [image], count, page, as_json=as_json)
        return
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


def _search_served(
    name: str, server: str, image: Path, count: int, page: Path | None, *, as_json: bool
) -> None:
    import_tensorflow()
    from kzoo.serving import Client

    with Client(server) as client:
        client.wait_until_ready(name)
        found = client.search(name, image, k=count)
    ids = [str(one) for one in found.ids]
    metadata = dict(zip(ids, found.metadata, strict=True))
    show_neighbours([image], [ids], [found.scores.tolist()], metadata, page, as_json=as_json)


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
