"""`kzoo evaluate`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow

if TYPE_CHECKING:
    from kzoo.training.run_folder import Run


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("evaluate")(evaluate)


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder that has ended.")],
    data: Annotated[
        str | None, typer.Option(help="Other data of the same classes; the run's own if left out.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which split.")] = "test",
    weights: options.WeightsOption = options.Weights.final,
    pictures: Annotated[
        Path | None, typer.Option(help="Write pictures of the run and of what it finds into this folder.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="What judges generated pictures: the run of a segmenter, for the FCN score of translations "
            "of label maps; that of a classifier or efficientnet_lite0, for the inception score of swaps."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: options.QuietOption = False,
) -> None:
    """Measure a trained model by the thesis's metrics, and write them into the run's metrics.json."""
    import_tensorflow()
    from kzoo import registry
    from kzoo.evaluation.evaluate import evaluate_run, open_of_run
    from kzoo.evaluation.judge import open_judge
    from kzoo.training.run_folder import Run

    opened = Run.open(run)
    source = open_of_run(opened, data)
    opened_judge = open_judge(judge, registry.find(opened.description.model), source) if judge else None
    evaluation = evaluate_run(opened, source, split, weights.value, quiet=quiet, judge=opened_judge)
    content = asdict(evaluation)
    del content["predictions"]
    if as_json:
        typer.echo(json.dumps(content, indent=2))
    else:
        _print(content)
    if pictures is not None:
        for path in _write_pictures(opened, source, split, weights.value, pictures):
            typer.echo(f"wrote {path}", err=as_json)


def _write_pictures(run: Run, source: Any, split: str, which: str, folder: Path) -> list[Path]:
    from kzoo import registry

    if registry.find(run.description.model).task == "matching":
        from kzoo.evaluation.matching_pictures import write_matching_pictures

        return write_matching_pictures(run, source, split, which, folder)
    from kzoo.evaluation.pictures import write_run_pictures

    return write_run_pictures(run, source, split, which, folder)


def _print(content: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"{content['model']} on {content['data']}, {content['split']} split, {content['weights']} weights"
    table = Table("metric", "value", title=title)
    for name, value in content["metrics"].items():
        table.add_row(name, f"{value:.4f}")
    if content["accuracy_interval"] is not None:
        low, high = content["accuracy_interval"]
        table.add_row("accuracy, 95 % interval", f"{low:.4f} to {high:.4f}")
    for name, value in content["class_accuracy"].items():
        table.add_row(f"  accuracy of {name}", "no examples" if value is None else f"{value:.4f}")
    Console().print(table)
