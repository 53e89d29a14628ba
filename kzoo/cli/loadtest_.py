"""`kzoo loadtest`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kzoo.cli.quiet import import_tensorflow
from kzoo.errors import UsageError

if TYPE_CHECKING:
    from kzoo.serving.loadtest_report import Summary

DEFAULT_CLIENTS = 1


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("loadtest")(loadtest)


def loadtest(
    name: Annotated[str, typer.Argument(help="A model that the server has.")],
    images: Annotated[
        list[Path] | None, typer.Argument(help="Image files or folders to send; noise if left out.")
    ] = None,
    records: Annotated[
        Path | None, typer.Option(help="Send the Predict requests of this warm-up file instead.")
    ] = None,
    server: Annotated[str, typer.Option(help="Address of the server.")] = "127.0.0.1:8500",
    signature: Annotated[str, typer.Option(help="Of the model.")] = "serving_default",
    version: Annotated[int | None, typer.Option(min=1, help="The newest live one if left out.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Rows of a request.")] = 1,
    clients: Annotated[
        int | None, typer.Option(min=1, help="Closed loop: so many wait for each answer (1 if no rate).")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Open loop: calls a second, at random times, whatever comes back.")
    ] = None,
    duration: Annotated[float, typer.Option(help="Seconds that are measured.")] = 10.0,
    warm_up: Annotated[float, typer.Option(help="Seconds at full load before them.")] = 2.0,
    ramp: Annotated[float, typer.Option(help="Seconds before those, in which the load grows.")] = 0.0,
    timeout: Annotated[float, typer.Option(help="Seconds for a call.")] = 30.0,
    tls_authorities: Annotated[
        Path | None, typer.Option(help="PEM file of who signed the server's certificate; means TLS.")
    ] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file of one's own; means TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="Show the token in this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write a row a call to this file.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw latencies into this PNG file.")] = None,
) -> None:
    """Load a running server, kzoo's or TensorFlow Serving's, and time its answers.

    Example: kzoo loadtest cfn_a pictures/ --rate 50 --duration 30 --picture latency.png
    """
    import_tensorflow()
    from kzoo.serving import Client, ClientTls
    from kzoo.serving.connection import Connection
    from kzoo.serving.loadtest import Load, run_load
    from kzoo.serving.loadtest_report import summarize, write_csv, write_picture
    from kzoo.serving.loadtest_requests import Target, requests_of_metadata, requests_of_records

    if records is not None and images:
        raise UsageError("requests come from images or from --records; received both")
    load = Load(
        clients=DEFAULT_CLIENTS if clients is None and rate is None else clients,
        rate=rate,
        duration_seconds=duration,
        warm_up_seconds=warm_up,
        ramp_seconds=ramp,
        timeout_seconds=timeout,
    )
    wants_tls = any((tls_authorities, tls_certificate, tls_key))
    tls = ClientTls(tls_authorities, tls_certificate, tls_key) if wants_tls else None
    connection = Connection(server, tls, _token(token_file))
    target = Target(name, signature, version)
    if records is not None:
        requests = requests_of_records(target, records)
    else:
        with Client(server, tls=tls, token=connection.token, timeout_seconds=timeout) as client:
            metadata = client.metadata(name, version=version)
        requests = requests_of_metadata(target, metadata, _files(images or []), batch=batch)
    with _progress(load.ends) as progress:
        samples = run_load(connection, requests, load, progress=progress)
    summary = summarize(samples, load)
    if csv is not None:
        write_csv(samples, csv)
    if picture is not None:
        write_picture(samples, picture, f"{name} at {server}")
    if as_json:
        typer.echo(json.dumps(summary.as_json(), indent=2))
    else:
        _print(summary)


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _files(images: list[Path]) -> list[Path]:
    from kzoo.serving.streaming import images_in

    return [one for path in images for one in (images_in(path) if path.is_dir() else [path])]


@contextmanager
def _progress(total: float) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("calling", total=total)
        yield lambda seconds: bar.update(task, completed=seconds)


def _print(summary: Summary) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "value")
    table.add_row("calls", f"{summary.calls:,}")
    for status, count in summary.statuses.items():
        table.add_row(f"ended {status}", f"{count:,}")
    table.add_row("answers a second", f"{summary.answers_per_second:.1f}")
    for rank, milliseconds in summary.percentiles_ms.items():
        table.add_row(f"latency {rank}", f"{milliseconds:.2f} ms")
    if summary.worst_ms is not None:
        table.add_row("worst", f"{summary.worst_ms:.2f} ms")
    Console().print(table)
