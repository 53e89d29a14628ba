"""`kzoo card`."""

from __future__ import annotations

from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("card")(card)


def card(name: Annotated[str, typer.Argument(help="A registered model.")]) -> None:
    """Print a model's card: source, numbers, recipes, and the choices the thesis left open."""
    import kzoo

    typer.echo(kzoo.card(name))
