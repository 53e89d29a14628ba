"""`kzoo list`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("list")(list_models)


def list_models(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, as 'cfn_*'.")] = "*",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the registered models: name, system, parameters, input, recipes."""
    from kzoo import registry

    rows: list[dict[str, Any]] = []
    for name in registry.names(pattern):
        system = registry.find(name)
        rows.append(
            {
                "name": name,
                "system": system.room,
                "parameters": system.parameters,
                "input": {name: list(shape) for name, shape in system.input_shapes.items()},
                "recipes": list(system.recipes),
                "summary": system.summary,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "system", "parameters", "input", "recipes", "summary")
    for row in rows:
        size = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in row["input"].items())
        recipes = ", ".join(row["recipes"])
        table.add_row(row["name"], row["system"], f"{row['parameters']:,}", size, recipes, row["summary"])
    Console().print(table)
