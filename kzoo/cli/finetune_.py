"""`kzoo finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow
from kzoo.files import data_slug


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("finetune")(finetune)


def finetune(
    start: Annotated[
        Path, typer.Argument(help="A run folder, an export folder, or a .keras file of kzoo's.")
    ],
    data: Annotated[str, typer.Option(help="A data set (`kzoo data`) or a folder of class folders.")],
    freeze: Annotated[
        list[str] | None,
        typer.Option(help="'trunk' (all but the last layer) or a layer's name; may be repeated."),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="A recipe's name or a YAML file.")] = None,
    set_: options.SetOption = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/NAME-on-DATA if left out.")] = None,
    strategy: options.StrategyOption = options.Strategy.auto,
    devices: options.DevicesOption = None,
    mixed_precision: options.PrecisionOption = options.MixedPrecision.none,
    seed: options.SeedOption = None,
    deterministic: options.DeterministicOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Go on training a model on other data; the last layer is made anew where the number of classes differs.

    Frozen layers keep their weights to the bit, frozen batch normalisation its statistics too. The result
    is a run folder like any other.

    Example: kzoo finetune runs/cfn_a-house-emoji --data my_pictures --freeze trunk --set epochs=5
    """
    import_tensorflow()
    from kzoo.training.finetune import starting_point
    from kzoo.training.strategy import make_strategy
    from kzoo.training.tasks import find_task
    from kzoo.training.train import Training, train

    system, keras_file = starting_point(start)
    changes = [
        "options={}",
        *([f"freeze=[{', '.join(freeze)}]"] if freeze else []),
        *options.assignments(set_, seed),
    ]
    recipe_name, chosen = options.recipe_of(system, data, recipe, changes)
    chosen_strategy = make_strategy(strategy.value, devices)
    source = find_task(system.task).open(chosen.data, [system])
    if "validation" not in source.splits and recipe is None:
        chosen = chosen.override(["data.validation_split=null"])
    run = train(
        Training(
            system=system,
            recipe_name=recipe_name,
            recipe=chosen,
            source=source,
            out=out or Path("runs") / f"{system.name}-on-{data_slug(data)}",
            strategy=chosen_strategy,
            precision=mixed_precision.policy,
            deterministic=deterministic,
            start=keras_file,
            quiet=quiet,
        )
    )
    typer.echo(f"fine-tuned {system.name}: {run.folder}")
