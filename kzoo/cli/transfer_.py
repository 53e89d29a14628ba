"""`kzoo transfer`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow

PIXELS = 256


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("transfer")(transfer)


def transfer(
    model: Annotated[
        Path,
        typer.Argument(help="savedmodels/NAME, savedmodels/NAME/VERSION, or a run that has ended."),
    ],
    data: Annotated[str, typer.Option(help="Labelled data with splits train and test: a name or a folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: options.QuietOption = False,
) -> None:
    """Measure a network's feature on other data: a linear SVM's accuracy, mAP and N-S (thesis table 2.6).

    The feature is what `embed` answers. The SVM's cost is chosen on the validation split, or by
    cross-validation where there is none; the test split is only measured on. For retrieval every test image
    queries the others, and those of its class are the positives.
    """
    import_tensorflow()
    from kzoo.data.sources import open_source
    from kzoo.evaluation.embedding import Embedder
    from kzoo.evaluation.transfer import transfer as measure

    embedder = Embedder.open(model)
    found = measure(open_source(data, image_size_hint=PIXELS), embedder, quiet=quiet)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("measure", "value", title=f"{found.model} ({found.version}) on {found.data}, test split")
    low, high = found.accuracy_interval
    table.add_row("dimensions", str(found.dimensions))
    table.add_row("accuracy of a linear SVM", f"{found.accuracy:.3f} (95 % interval {low:.3f} to {high:.3f})")
    table.add_row("its cost, and accuracy when chosen", f"{found.cost:g}, {found.selection_accuracy:.3f}")
    table.add_row("mAP", f"{found.mean_average_precision:.2f} % over {found.queries} queries")
    table.add_row("N-S", "fewer than 4 images" if found.n_s is None else f"{found.n_s:.3f} of 4")
    Console().print(table)
