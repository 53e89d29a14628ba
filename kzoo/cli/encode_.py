"""`kzoo encode`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("encode")(encode)


def encode(
    data: Annotated[str, typer.Argument(help="A captioned data set, as house/emoji_captions.")],
    image: Annotated[
        str,
        typer.Option(
            metavar="ENCODER", help="efficientnet_lite0; or resnet152, vgg16, vgg19, with :FILE of weights."
        ),
    ] = "efficientnet_lite0",
    text: Annotated[
        str,
        typer.Option(
            metavar="ENCODER", help="minilm; or mean_vectors:FILE, hglmm:FILE, with a file of word vectors."
        ),
    ] = "minilm",
    weights: Annotated[
        Path | None, typer.Option(help="Weights of the image encoder, the same as --image ENCODER:FILE.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the features; if left out, where training looks for them.")
    ] = None,
    beam_args: Annotated[
        str, typer.Option(metavar="ARGS", help="Passed on to Beam, as '--direct_num_workers=4'.")
    ] = "",
    quiet: options.QuietOption = False,
) -> None:
    """Make features of the images and captions of a data set, once, into TFRecords.

    The same command again goes on where it was stopped. A manifest, features.json, beside the records says
    what made them: dimension, licence, source and SHA-256 of each encoder.

    Example: kzoo encode house/emoji_captions --image efficientnet_lite0 --text minilm
    """
    import_tensorflow()
    from kzoo.data.encoding import encoding_of
    from kzoo.data.packages import require_packages

    require_packages("pipeline", "apache_beam")
    from kzoo.data.encoding_pipeline import encode_with_beam

    encoding = encoding_of(data, f"{image}:{weights}" if weights else image, text, out)
    count = encode_with_beam(encoding, shlex.split(beam_args), quiet=quiet)
    total = len(encoding.shards())
    typer.echo(
        f"{encoding.folder}: {total} files of features, {count} written now, {total - count} there before"
    )
    for one in (encoding.image_encoder, encoding.text_encoder):
        typer.echo(
            f"{one.kind}: {one.name}, {one.dimension}-d, {one.licence}, {one.source}, SHA-256 {one.sha256}"
        )
