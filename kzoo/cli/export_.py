"""`kzoo export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("export")(export)


def export(
    run: Annotated[Path, typer.Argument(help="A run folder that has ended.")],
    out: Annotated[Path, typer.Option(help="Folder of models that a server polls.")] = Path("savedmodels"),
    version: Annotated[
        int | None, typer.Option(min=1, help="Version; the next free one if left out.")
    ] = None,
    weights: options.WeightsOption = options.Weights.best,
) -> None:
    """Write OUT/NAME/VERSION: SavedModel, .keras file, card, warm-up requests; verified before it appears."""
    import_tensorflow()
    from kzoo.export import export_run
    from kzoo.training.run_folder import Run

    typer.echo(f"exported {export_run(Run.open(run), out, version=version, which=weights.value)}")
