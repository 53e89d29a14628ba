"""The `kzoo` command: one file a verb; each parses its arguments, calls one function, and prints.

Nothing here imports TensorFlow before a verb needs it, so that `kzoo --help` answers at once.
"""

from __future__ import annotations

import importlib
import os
import sys

import typer

from kzoo.errors import KzooError

VERBS = (
    "list",
    "card",
    "recipe",
    "data",
    "encode",
    "train",
    "finetune",
    "launch",
    "evaluate",
    "transfer",
    "reproduce",
    "export",
    "serve",
    "query",
    "loadtest",
    "index",
    "search",
    "pipeline",
)

app = typer.Typer(
    name="kzoo",
    help="A TensorFlow/Keras model zoo with serving: train, evaluate, export, serve, query, fine-tune.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from kzoo import __version__

        typer.echo(f"kzoo {__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and end."
    ),
) -> None:
    """Options that stand before any verb."""


for _verb in VERBS:
    importlib.import_module(f"kzoo.cli.{_verb}_").add_to(app)


def main() -> None:
    """Run the command; an error of kzoo's own is one message on standard error and its exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        app()
    except KzooError as error:
        typer.echo(f"kzoo: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("kzoo: interrupted", err=True)
        sys.exit(130)
