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
    from kzoo.data.catalog import OPENERS
    from kzoo.data.people import PEOPLE, open_people
    from kzoo.data.people_files import save_people
    from kzoo.data.sources import NAMED_SOURCES, describe_source, open_source

    if name is None:
        typer.echo("\n".join((*NAMED_SOURCES, *OPENERS)))
        return
    import_tensorflow()
    if name in OPENERS:
        if sheet is not None:
            raise UsageError(f"--sheet draws labelled images, which {name} does not hold")
        if images is not None and name not in PEOPLE:
            raise UsageError(f"--images writes labelled images and persons; {name} holds neither")
        other = OPENERS[name]()
        _say(describe_source(other), as_json)
        if images is not None:
            saved = save_people(open_people(name), split, images, count=count)
            typer.echo(f"wrote {len(saved)} images below {images}")
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


def _say(described: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(described, indent=2))
        return
    import yaml

    typer.echo(yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=100).rstrip())
