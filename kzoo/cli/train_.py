"""`kzoo train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow
from kzoo.files import data_slug


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("train")(train)


def train(
    name: Annotated[str, typer.Argument(help="A registered model (`kzoo list`).")],
    data: Annotated[
        str | None, typer.Option(help="A data set (`kzoo data`) or a folder of class folders.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe's name or a YAML file; else the one written for the data.")
    ] = None,
    set_: options.SetOption = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/NAME-DATA if left out.")] = None,
    strategy: options.StrategyOption = options.Strategy.auto,
    devices: options.DevicesOption = None,
    mixed_precision: options.PrecisionOption = options.MixedPrecision.none,
    seed: options.SeedOption = None,
    deterministic: options.DeterministicOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Train a model. The same command again resumes a run that was stopped, to the same weights.

    Example: kzoo train cfn_a --data house/emoji --strategy mirrored --devices 2 --set epochs=10
    """
    from kzoo import registry

    system = registry.find(name)
    recipe_name, chosen = options.recipe_of(system, data, recipe, options.assignments(set_, seed))
    folder = out or Path("runs") / f"{name}-{data_slug(chosen.data.name)}"

    import_tensorflow()
    from kzoo.training.strategy import make_strategy

    chosen_strategy = make_strategy(strategy.value, devices)

    from kzoo.training.tasks import find_task
    from kzoo.training.train import Training
    from kzoo.training.train import train as train_model

    run = train_model(
        Training(
            system=system,
            recipe_name=recipe_name,
            recipe=chosen,
            source=find_task(system.task).open(chosen.data, [system]),
            out=folder,
            strategy=chosen_strategy,
            precision=mixed_precision.policy,
            deterministic=deterministic,
            quiet=quiet,
        )
    )
    typer.echo(f"trained {name}: {run.folder}")
