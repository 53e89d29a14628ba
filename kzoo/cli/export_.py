"""`kzoo export`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow
from kzoo.errors import UsageError

if TYPE_CHECKING:
    from kzoo.export.forms import Form
    from kzoo.training.run_folder import Run


class Format(str, Enum):
    """What runs the export: TensorFlow and its server; LiteRT on phones and boards; any ONNX runtime."""

    savedmodel = "savedmodel"
    litert = "litert"
    onnx = "onnx"


OUT = {Format.savedmodel: Path("savedmodels"), Format.litert: Path("litert"), Format.onnx: Path("onnx")}


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("export")(export)


def export(
    run: Annotated[Path, typer.Argument(help="A run folder that has ended.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of models, for a server to poll; savedmodels, litert or onnx if left out."),
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="Version; the next free one if left out.")
    ] = None,
    weights: options.WeightsOption = options.Weights.best,
    format_: Annotated[
        Format, typer.Option("--format", help="What runs it: TensorFlow and its server, LiteRT, ONNX.")
    ] = Format.savedmodel,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="LiteRT of a classifier: round to int8, if validation accuracy holds."),
    ] = False,
    calibrate: Annotated[
        str | None,
        typer.Option(help="With --int8: data to learn ranges from; the run's training split if left out."),
    ] = None,
) -> None:
    """Write OUT/NAME/VERSION: SavedModel, .keras file, card, warm-up requests; verified before it appears.

    Example: kzoo export runs/cfn_a-house-emoji

    Example: kzoo export runs/cfn_a-house-emoji --format litert --int8
    """
    if int8 and format_ is not Format.litert:
        raise UsageError(f"--int8 goes with --format litert; received --format {format_.value}")
    if calibrate is not None and not int8:
        raise UsageError("--calibrate goes with --int8")
    import_tensorflow()
    from kzoo.export import export_run
    from kzoo.training.run_folder import Run

    opened = Run.open(run)
    form = _form(format_, opened, int8, calibrate)
    folder = export_run(opened, out or OUT[format_], form=form, version=version, which=weights.value)
    typer.echo(f"exported {folder}")


def _form(name: Format, run: Run, int8: bool, calibrate: str | None) -> Form:
    from kzoo.export.calibration import int8_of_run
    from kzoo.export.forms import SavedModel
    from kzoo.export.litert import LiteRT
    from kzoo.export.onnx_files import ONNX

    if int8:
        return int8_of_run(run, calibrate)
    forms: dict[Format, Form] = {
        Format.savedmodel: SavedModel(),
        Format.litert: LiteRT(),
        Format.onnx: ONNX(),
    }
    return forms[name]
