"""`kzoo recipe`."""

from __future__ import annotations

from typing import Annotated

import typer

from kzoo.cli.options import SetOption


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("recipe")(recipe)


def recipe(
    name: Annotated[str, typer.Argument(help="A registered model.")],
    recipe_name: Annotated[str | None, typer.Argument(help="One of its recipes; all if left out.")] = None,
    set_: SetOption = None,
) -> None:
    """Print recipes as YAML; `kzoo train NAME --recipe FILE.yaml` reads one back."""
    from kzoo import registry

    system = registry.find(name)
    for chosen in [recipe_name] if recipe_name else list(system.recipes):
        typer.echo(f"# {name}, {chosen}\n{system.recipe(chosen).override(set_ or []).to_yaml()}")
