"""`kzoo query`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kzoo.cli.quiet import import_tensorflow
from kzoo.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from kzoo.serving import Client


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("query")(query)


def query(
    name: Annotated[str, typer.Argument(help="A model that the server has.")],
    images: Annotated[list[Path], typer.Argument(help="Image files.")],
    server: Annotated[str, typer.Option(help="Address of the server.")] = "127.0.0.1:8500",
    version: Annotated[int | None, typer.Option(min=1, help="The newest live one if left out.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Classes shown of each answer.")] = 3,
    timeout: Annotated[
        float, typer.Option(help="Seconds for the call, and to wait until the model is live.")
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    page: Annotated[
        Path | None, typer.Option(help="Write the pictures with their answers to this HTML file.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write the answer, edges, a label map or a translation, as this PNG; one image.",
        ),
    ] = None,
    signature: Annotated[
        str, typer.Option(help="With --out: what is asked, as b_to_a of a translator.")
    ] = "serving_default",
) -> None:
    """Ask a running server, kzoo's or TensorFlow Serving's, what is in pictures.

    Example: kzoo query cfn_a cat.png dog.jpg --page answers.html

    Example: kzoo query hed photo.jpg -o edges.png

    Example: kzoo query cyclegan sketch.png -o colored.png
    """
    import_tensorflow()
    from kzoo.serving import Client

    with Client(server, timeout_seconds=timeout) as client:
        client.wait_until_ready(name, timeout_seconds=timeout)
        if out is not None:
            typer.echo(f"wrote {_draw(client, name, images, version, out, signature)}")
            return
        answers = client.classify(name, images, version=version)
    if as_json:
        rows = [
            {
                "image": str(path),
                "best": [{"class": label, "score": score} for label, score in answer.best[:top]],
            }
            for path, answer in zip(images, answers, strict=True)
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table("image", *(f"{place + 1}." for place in range(min(top, len(answers[0].best)))))
        for path, answer in zip(images, answers, strict=True):
            cells = [f"{label} {score:.3f}" for label, score in answer.best[:top]]
            table.add_row(f"{path.parent.name}/{path.name}", *cells)
        Console().print(table)
    if page is not None:
        from kzoo.files import write_atomic
        from kzoo.serving.page import classification_page

        write_atomic(page, classification_page(f"What {name} says", images, answers, top))
        typer.echo(f"wrote {page}", err=as_json)


def _draw(
    client: Client, name: str, images: list[Path], version: int | None, out: Path, signature: str
) -> Path:
    """Ask for a picture, edges or a label map, and write it."""
    if len(images) != 1:
        raise UsageError(f"--out writes the answer to one image; received {len(images)}")
    signatures = client.metadata(name, version=version).signatures
    if signature not in signatures:
        raise UnknownNameError(f"signature of {name}", signature, signatures)
    outputs = signatures[signature].outputs
    if "image" in outputs:
        return client.translate(name, images[0], direction=signature, version=version).save(out)
    if "edges" in outputs:
        return client.edges(name, images[0], version=version).save(out)
    if "labels" in outputs:
        return client.segment(name, images[0], version=version).save(out)
    raise UsageError(f"{name} answers {', '.join(sorted(outputs))}, which is no picture; leave --out away")
