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
    images: Annotated[list[Path] | None, typer.Argument(help="Image files.")] = None,
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
    condition: Annotated[
        Path | None, typer.Option(help="Of a swap: the picture of whose clothes are taken.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Of a swap: the picture of who is to wear them.")
    ] = None,
    pose: Annotated[
        Path | None,
        typer.Option(help="The reference's key-points, OpenPose's JSON; else NAME_keypoints.json."),
    ] = None,
    parts: Annotated[
        Path | None,
        typer.Option(help="The reference's parsing, a PNG of 20 classes; else NAME_parts.png."),
    ] = None,
) -> None:
    """Ask a running server, kzoo's or TensorFlow Serving's, what is in pictures.

    Example: kzoo query cfn_a cat.png dog.jpg --page answers.html

    Example: kzoo query hed photo.jpg -o edges.png

    Example: kzoo query cyclegan sketch.png -o colored.png

    Example: kzoo query swapgan --condition a.png --reference b.png -o swapped.png
    """
    images = images or []
    swap = _swap_pictures(images, condition, reference, pose, parts, out)
    import_tensorflow()
    from kzoo.serving import Client

    with Client(server, timeout_seconds=timeout) as client:
        client.wait_until_ready(name, timeout_seconds=timeout)
        if swap is not None and out is not None:
            typer.echo(f"wrote {client.swap(name, swap, version=version).save(out)}")
            return
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


def _swap_pictures(
    images: list[Path],
    condition: Path | None,
    reference: Path | None,
    pose: Path | None,
    parts: Path | None,
    out: Path | None,
) -> dict[str, bytes] | None:
    """Return what a swap asks for; None if none is asked for."""
    if condition is None and reference is None and pose is None and parts is None:
        if not images:
            raise UsageError("expected image files, or --condition and --reference of a swap")
        return None
    if condition is None or reference is None or out is None or images:
        raise UsageError("a swap takes --condition, --reference and --out, and no other image files")
    from kzoo.data.people_files import swap_pictures

    return swap_pictures(condition, reference, pose=pose, parts=parts)


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
