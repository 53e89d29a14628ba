"""`kzoo pipeline`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow
from kzoo.errors import UsageError

if TYPE_CHECKING:
    from tfx_pipeline.history import PipelineRun
    from tfx_pipeline.settings import Settings

group = typer.Typer(no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A registered model (`kzoo list`).")]
RootOption = Annotated[
    Path | None, typer.Option(help="Artifacts, metadata and spans; pipelines/MODEL if left out.")
]
DestinationOption = Annotated[Path, typer.Option("--out", "-o", help="Folder of exports that servers poll.")]
WindowOption = Annotated[int, typer.Option("--window", min=1, help="Newest spans that are trained on.")]
KeepOption = Annotated[int, typer.Option(min=0, help="Newest versions that stay in OUT; 0 keeps all.")]
RecipeOption = Annotated[str | None, typer.Option(help="A recipe's name or a YAML file; the short one else.")]
BeamOption = Annotated[
    list[str] | None, typer.Option("--beam", metavar="ARG", help="An argument of Beam's, as --runner=...")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
IndexOption = Annotated[
    bool,
    typer.Option("--index", help="Push an index of the images too, which `search` of servers answers from."),
]
ContainerOption = Annotated[
    str,
    typer.Option(metavar="IMAGE", help="TensorFlow Serving's image, which Docker runs: it must answer too."),
]
SAVED_MODELS = Path("savedmodels")


def add_to(app: typer.Typer) -> None:
    """Add the group of verbs."""
    app.add_typer(
        group, name="pipeline", help="Retrain on new data; bless, then push: deliver, run, runs, schedule."
    )


@group.command()
def deliver(
    name: NameArgument,
    data: Annotated[
        str, typer.Argument(help="A data set (`kzoo data` lists them), or a folder of its kind.")
    ],
    root: RootOption = None,
    recipe: RecipeOption = None,
    part: Annotated[str, typer.Option(metavar="K/N", help="Every N-th example from the K-th on.")] = "1/1",
) -> None:
    """Write examples as the next span, which the next run trains on.

    Example: kzoo pipeline deliver cfn_a house/emoji --part 1/2
    """
    import_tensorflow()
    from kzoo import registry
    from kzoo.training.tasks import find_task
    from tfx_pipeline import spans

    system = registry.find(name)
    _, chosen = options.recipe_of(system, data, recipe, [])
    source = find_task(system.task).open(chosen.data, [system])
    span = spans.deliver(source, _root(root, name) / "spans", part=_part(part))
    counts = ", ".join(f"{count} {split}" for split, count in span.examples.items())
    typer.echo(f"{span.name} of {data}: {counts}")


@group.command()
def run(
    name: NameArgument,
    data: Annotated[
        str | None, typer.Option(help="Delivered as the first span where there is none yet.")
    ] = None,
    root: RootOption = None,
    out: DestinationOption = SAVED_MODELS,
    recipe: RecipeOption = None,
    set_: options.SetOption = None,
    last: WindowOption = 3,
    keep: KeepOption = 5,
    index: IndexOption = False,
    strategy: options.StrategyOption = options.Strategy.mirrored,
    container: ContainerOption = "",
    beam: BeamOption = None,
) -> None:
    """Retrain on the newest spans, evaluate, and push the model if it is blessed.

    What has run on the same input is not run again; after a failure it goes on with the component that
    failed. Exit code 0: pushed, or nothing new; 9: trained and not blessed, so that nothing changed.

    Example: kzoo pipeline run cfn_a --data house/emoji
    """
    settings = _settings(
        name,
        root,
        recipe,
        set_,
        destination=out,
        last=last,
        keep=keep,
        index=index,
        strategy=strategy.value,
        container=container,
        **({"beam_arguments": tuple(beam)} if beam else {}),
    )
    if data is not None:
        from tfx_pipeline.spans import list_spans

        if not list_spans(settings.spans):
            deliver(name, data, root, recipe)
    import_tensorflow()
    from tfx_pipeline.runs import run_local

    with os.fdopen(os.dup(2), "w", encoding="utf-8") as screen:
        found = run_local(settings, say=lambda text: print(text, file=screen, flush=True))
    typer.echo(_verdict(found, settings))
    if found.version is None:
        raise typer.Exit(NOT_BLESSED)


@group.command()
def runs(name: NameArgument, root: RootOption = None, as_json: JsonOption = False) -> None:
    """List the runs of a pipeline: on what data, code and recipe, how good, blessed or not, which version."""
    from tfx_pipeline.history import list_runs

    found = list_runs(_root(root, name) / "metadata.sqlite")
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    for one in found:
        typer.echo(one.in_words())


@group.command()
def show(
    name: NameArgument,
    run_name: Annotated[str | None, typer.Argument(metavar="[RUN]", help="The newest if left out.")] = None,
    root: RootOption = None,
) -> None:
    """Print all that the metadata store knows of a run, as JSON."""
    from tfx_pipeline.history import list_runs

    found = {one.name: one for one in list_runs(_root(root, name) / "metadata.sqlite")}
    chosen = run_name or max(found, default="")
    if chosen not in found:
        raise UsageError(f"there is no run {chosen!r}; there are {', '.join(found) or 'none'}")
    typer.echo(json.dumps(asdict(found[chosen]), indent=2))


@group.command()
def rollback(
    name: NameArgument,
    version: Annotated[int, typer.Argument(help="An older version.")],
    out: DestinationOption = SAVED_MODELS,
) -> None:
    """Serve an older version again: a copy of it becomes the newest."""
    from tfx_pipeline.versions import rollback as go_back

    new = go_back(out / name, version)
    typer.echo(f"{out / name / str(new)} is version {version} again")


@group.command()
def schedule(
    name: NameArgument,
    folder: Annotated[Path, typer.Argument(help="Where the files are written.")],
    cron: Annotated[str, typer.Option(help="Minute, hour, day, month, weekday.")] = "0 3 * * *",
    root: RootOption = None,
    out: DestinationOption = SAVED_MODELS,
    index: IndexOption = False,
    image: Annotated[str, typer.Option(help="Container image for Kubernetes.")] = "kzoo:latest",
    others: Annotated[
        list[str] | None, typer.Argument(metavar="[-- OPTION...]", help="Further options of `run`.")
    ] = None,
) -> None:
    """Write what runs the pipeline at set times: systemd units, a cron line, a CronJob, an Airflow DAG.

    Example: kzoo pipeline schedule cfn_a schedules --cron "0 3 * * *" -- --window 5 --keep 3
    """
    from tfx_pipeline.schedule import Schedule, write_schedule

    program = shutil.which("kzoo") or f"{Path(sys.executable).with_name('kzoo')}"
    arguments = [name, "--root", str(_root(root, name)), "--out", str(out), *(others or [])]
    arguments += ["--index"] if index else []
    _require_options_of_run(arguments)
    command = [program, "pipeline", "run", *arguments]
    for path in write_schedule(Schedule(name, cron, command, Path.cwd(), image), folder):
        typer.echo(f"wrote {path}")


@group.command("compile")
def compile_(
    name: NameArgument,
    path: Annotated[Path, typer.Argument(help="The file that is written, .json or .yaml.")],
    root: RootOption = None,
    out: DestinationOption = SAVED_MODELS,
    recipe: RecipeOption = None,
    set_: options.SetOption = None,
    last: WindowOption = 3,
    index: IndexOption = False,
    image: Annotated[str, typer.Option(help="Container image with kzoo in it.")] = "kzoo:latest",
) -> None:
    """Write the pipeline for Kubeflow Pipelines v2 or Vertex AI."""
    settings = _settings(name, root, recipe, set_, destination=out, last=last, index=index)
    import_tensorflow()
    from tfx_pipeline.kubeflow import write_specification

    write_specification(settings, path, image)
    typer.echo(f"wrote {path}")


NOT_BLESSED = 9


def _settings(
    name: str, root: Path | None, recipe: str | None, set_: list[str] | None, **others: Any
) -> Settings:
    from kzoo import registry
    from tfx_pipeline.settings import Settings

    system = registry.find(name)
    folder = _root(root, name)
    wanted = recipe or list(system.recipes)[-1]
    recipe_name, chosen = options.recipe_of(system, None, wanted, options.assignments(set_, None))
    return Settings(
        system=name, recipe_name=recipe_name, recipe=chosen, spans=folder / "spans", root=folder, **others
    )


def _require_options_of_run(arguments: list[str]) -> None:
    """Let `run` read arguments without running, so that a wrong one is told now and not when it is time."""
    commands: Any = typer.main.get_command(group)
    commands.commands["run"].make_context("run", list(arguments))


def _root(root: Path | None, name: str) -> Path:
    return root or Path("pipelines") / name


def _part(text: str) -> tuple[int, int]:
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise UsageError(f"expected --part K/N with 1 <= K <= N; received {text!r}")
    return int(number) - 1, int(of)


def _verdict(found: PipelineRun, settings: Settings) -> str:
    trained = "trained" if found.trained else "nothing new"
    if found.version is None:
        reason = "not blessed" if not found.blessed else "the server could not answer with it"
        return f"{', '.join(found.spans)}: {trained}; {reason}, nothing is pushed"
    place = settings.destination / settings.system / str(found.version)
    return f"{', '.join(found.spans)}: {trained}; blessed, {place}"
