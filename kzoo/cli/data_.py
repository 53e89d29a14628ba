"""`kzoo data`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kzoo.cli.quiet import import_tensorflow
from kzoo.errors import UsageError


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
        Path | None,
        typer.Option(
            help="Write examples into this folder, as CLASS/ID.png; of persons pictures, poses and parsings."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many examples --images writes.")] = 24,
    split: Annotated[str, typer.Option(help="Which split --sheet and --images take.")] = "train",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Build or open a data set, check it, and say what is in it."""
    from kzoo.data.people import PEOPLE
    from kzoo.data.sources import NAMED_SOURCES, describe_source, open_source

    if name is None:
        typer.echo("\n".join((*NAMED_SOURCES, *PEOPLE)))
        return
    import_tensorflow()
    if name in PEOPLE:
        _people(name, images, count, split, sheet, as_json)
        return
    source = open_source(name)
    _say(describe_source(source), as_json)
    if sheet is not None:
        from kzoo.data.contact_sheet import contact_sheet

        contact_sheet(source, split, sheet)
        typer.echo(f"wrote {sheet}")
    if images is not None:
        from kzoo.data.save_images import save_images

        typer.echo(f"wrote {len(save_images(source, split, images, count=count))} images below {images}")


def _people(
    name: str, images: Path | None, count: int, split: str, sheet: Path | None, as_json: bool
) -> None:
    from kzoo.data.people import open_people
    from kzoo.data.people_files import save_people
    from kzoo.data.sources import describe_source

    if sheet is not None:
        raise UsageError(f"--sheet draws labelled images; {name} has persons: use --images")
    source = open_people(name)
    _say(describe_source(source), as_json)
    if images is not None:
        typer.echo(f"wrote {len(save_people(source, split, images, count=count))} images below {images}")


def _say(described: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(described, indent=2))
        return
    import yaml

    typer.echo(yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=100).rstrip())
