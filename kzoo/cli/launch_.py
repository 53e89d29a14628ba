"""`kzoo launch`."""

from __future__ import annotations

from typing import Annotated

import typer

from kzoo.errors import UsageError

VERBS = ("train", "finetune")


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("launch", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(launch)


def launch(
    context: typer.Context,
    workers: Annotated[int, typer.Option(min=2, help="Processes, each a worker.")] = 2,
    restarts: Annotated[
        int, typer.Option(min=0, help="How often all may be started again if one dies; the run goes on.")
    ] = 0,
) -> None:
    """Run `kzoo train` or `kzoo finetune` in several worker processes on this machine.

    Example: kzoo launch --workers 2 train cfn_a --data house/emoji

    Each worker computes a part of every batch, and together they end with the weights of one process. Over
    several machines start the command itself on each, with TF_CONFIG.
    """
    arguments = context.args
    if not arguments or arguments[0] not in VERBS:
        received = f"received {arguments[0]!r}" if arguments else "nothing was received"
        raise UsageError(f"launch runs {' or '.join(VERBS)}, with its arguments after it; {received}")
    if any(one.startswith("--strategy") for one in arguments):
        raise UsageError("launch runs its workers with --strategy multiworker; leave --strategy away")
    from kzoo.training.launch import launch as launch_workers

    launch_workers(
        [*arguments, "--strategy", "multiworker"],
        workers=workers,
        restarts=restarts,
        say=lambda line: typer.echo(line, err=True),
    )
