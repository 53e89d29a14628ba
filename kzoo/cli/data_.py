"""`kzoo data`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kzoo.cli.quiet import import_tensorflow


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("data")(data)


def data(
    name: Annotated[
        str | None, typer.Argument(help="A data set or a folder; all known names if left out.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a picture of some examples to this PNG file.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Write examples into this folder, as CLASS/ID.png.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many examples --images writes.")] = 24,
    split: Annotated[str, typer.Option(help="Which split --sheet and --images take.")] = "train",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Build or open a data set, check it, and say what is in it."""
    from kzoo.data.sources import NAMED_SOURCES, describe_source, open_source

    if name is None:
        typer.echo("\n".join(NAMED_SOURCES))
        return
    import_tensorflow()
    source = open_source(name)
    described = describe_source(source)
    if as_json:
        typer.echo(json.dumps(described, indent=2))
    else:
        import yaml

        typer.echo(yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=100).rstrip())

    if sheet is not None:
        from kzoo.data.contact_sheet import contact_sheet

        contact_sheet(source, split, sheet)
        typer.echo(f"wrote {sheet}")
    if images is not None:
        from kzoo.data.save_images import save_images

        typer.echo(f"wrote {len(save_images(source, split, images, count=count))} images below {images}")
