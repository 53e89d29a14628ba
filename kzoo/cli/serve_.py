"""`kzoo serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kzoo.cli.quiet import import_tensorflow

DEFAULT_REST_PORT = 8501  # as in TensorFlow Serving's images


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve")(serve)


def serve(
    base: Annotated[Path, typer.Argument(help="Folder of models, as BASE/NAME/VERSION.")] = Path(
        "savedmodels"
    ),
    host: Annotated[
        str, typer.Option(help="Address to listen on; give TLS files before others than this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one and prints it.")] = 8500,
    port_file: Annotated[
        Path | None, typer.Option(help="Write the port into this file once it listens.")
    ] = None,
    latest_versions: Annotated[
        int, typer.Option(min=1, help="Newest versions of each model that are live.")
    ] = 1,
    poll_seconds: Annotated[float, typer.Option(help="Time between two looks for new versions.")] = 1.0,
    max_concurrent_calls: Annotated[int, typer.Option(min=1, help="Predictions at a time.")] = 64,
    max_queued_calls: Annotated[int, typer.Option(min=0, help="That wait; more are refused at once.")] = 128,
    max_rows: Annotated[int, typer.Option(min=1, help="Of one input.")] = 4096,
    max_pixels: Annotated[int, typer.Option(min=1, help="Of one encoded image.")] = 1 << 25,
    max_message_bytes: Annotated[int, typer.Option(min=1, help="Of a request and of an answer.")] = 64 << 20,
    model_config_file: Annotated[
        Path | None,
        typer.Option(help="TensorFlow Serving's models.config, instead of BASE; read again when it changes."),
    ] = None,
    batching: Annotated[
        bool, typer.Option("--batching", help="Answer calls that come together together.")
    ] = False,
    batching_parameters_file: Annotated[
        Path | None, typer.Option(help="TensorFlow Serving's batching parameters; means --batching.")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM file; with it, connections are TLS.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file.")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="PEM file of who signs the certificates that clients then need.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="Calls need the token in this file, as 'authorization: Bearer'.")
    ] = None,
    drain_seconds: Annotated[float, typer.Option(help="That calls in flight have at the end.")] = 30.0,
    rest_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Serve REST, metrics and health here; 0 takes a free one."),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Serve metrics and health alone here; 0 takes a free one."),
    ] = None,
    request_log: Annotated[
        Path | None, typer.Option(help="Write calls into this file, one JSON object a line.")
    ] = None,
    request_log_sampling: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the calls that is written, at random.")
    ] = 1.0,
    ui: Annotated[
        bool,
        typer.Option("--ui", help="Serve a page to try the models, on the REST port (8501 if not given)."),
    ] = False,
) -> None:
    """Serve models over TensorFlow Serving's gRPC and REST protocols until SIGTERM or ctrl-C.

    New versions are picked up while it runs; a version that does not load leaves the old one live.
    """
    import_tensorflow()
    import logging

    from kzoo.files import write_atomic
    from kzoo.serving import ServerConfig, run
    from kzoo.serving.batching_parameters import choose_batching

    def announce(line: str) -> None:
        if port_file is not None and line.startswith("listening on "):
            write_atomic(port_file, line.rsplit(":", 1)[1] + "\n")
        typer.echo(line)

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if port_file is not None:
        port_file.unlink(missing_ok=True)
    config = ServerConfig(
        base=base,
        host=host,
        port=port,
        latest_versions=latest_versions,
        poll_seconds=poll_seconds,
        max_concurrent_calls=max_concurrent_calls,
        max_queued_calls=max_queued_calls,
        max_rows=max_rows,
        max_pixels=max_pixels,
        model_config_file=model_config_file,
        batching=choose_batching(batching, batching_parameters_file),
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        token_file=token_file,
        max_message_bytes=max_message_bytes,
        drain_seconds=drain_seconds,
        rest_port=DEFAULT_REST_PORT if ui and rest_port is None else rest_port,
        metrics_port=metrics_port,
        request_log=request_log,
        request_log_sampling=request_log_sampling,
        ui=ui,
    )
    run(config, announce)
