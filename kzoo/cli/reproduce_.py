"""`kzoo reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow
from kzoo.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("reproduce")(reproduce)


def reproduce(
    data: options.DataOption,
    table: Annotated[str | None, typer.Argument(help="A table of the thesis, as table-2.2.")] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every table, with --data house; writes one page over all.")
    ] = False,
    train: Annotated[
        bool,
        typer.Option("--train/--no-train", help="With --all: train, or write the page of what there is."),
    ] = True,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each row.")] = 5,
    rows: Annotated[str | None, typer.Option(help="Shell pattern of the rows, as '*_a'.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at once; a core each is fastest.")] = 1,
    set_: options.SetOption = None,
    judge: Annotated[
        str | None,
        typer.Option(help="Of tables 8.1 to 8.3: see kzoo evaluate; trained as needed if left out."),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where the trainings lie.")] = Path("runs"),
    results: Annotated[Path, typer.Option(help="Where the table is written.")] = Path("results"),
    quiet: options.QuietOption = False,
) -> None:
    """Train what is missing of a table, and print it beside the thesis's numbers, with intervals.

    Interrupted, it goes on where it stopped. Writes text, CSV, pictures and a page.

    Example: kzoo reproduce table-2.2 --data house/emoji --seeds 5 --jobs 2

    Example: kzoo reproduce --all --data house --jobs 2
    """
    _check(table, data, all_, train, rows, set_, judge)
    import_tensorflow()
    if table is None:
        from kzoo.evaluation.reproduce_all import reproduce_all

        page = reproduce_all(
            seeds=seeds, runs_folder=runs, results_folder=results, jobs=jobs, train=train, quiet=quiet
        )
        typer.echo(f"wrote {page}")
        return
    if table.removeprefix("table-").startswith("4"):
        if rows or set_ or jobs > 1 or judge:
            raise UsageError(
                "the tables of chapter 4 train nothing: they have no --rows, --set, --jobs and --judge"
            )
        from kzoo.evaluation.deepindex_tables import reproduce as reproduce_retrieval

        typer.echo(reproduce_retrieval(table, data, seeds=seeds, results_folder=results))
        return
    from kzoo.evaluation.reproduce import reproduce as reproduce_table

    reproduce_table(
        table,
        data,
        seeds=seeds,
        rows=rows,
        jobs=jobs,
        overrides=set_ or (),
        judge=judge,
        runs_folder=runs,
        results_folder=results,
        quiet=quiet,
    )


def _check(
    table: str | None,
    data: str,
    every: bool,
    train: bool,
    rows: str | None,
    set_: list[str] | None,
    judge: str | None,
) -> None:
    """Refuse what does not go together: one table, or all of them on the house set."""
    if every == (table is not None):
        raise UsageError(
            f"expected a table or --all; received {table!r} and {'--all' if every else 'no --all'}"
        )
    if every and data != "house":
        raise UsageError(f"--all is of the house set: expected --data house; received {data!r}")
    if every and (rows or set_ or judge):
        raise UsageError("--all has no --rows, --set and --judge: it is the tables as they are")
    if not every and not train:
        raise UsageError("--no-train goes with --all")
