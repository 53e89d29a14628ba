"""`kzoo encode`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from kzoo.cli import options
from kzoo.cli.quiet import import_tensorflow
from kzoo.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("encode")(encode)


def encode(
    data: Annotated[
        str, typer.Argument(help="A captioned data set, as house/emoji_captions; with --patches, any images.")
    ],
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
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder of the features; if left out, where training looks for them."
        ),
    ] = None,
    patches: Annotated[
        str | None,
        typer.Option(
            metavar="NETWORK",
            help="Features of the 14 patches of each image instead: efficientnet_lite0, vgg16_hed; "
            "alexnet:FILE, vgg19:FILE, with a file of weights; or an export, savedmodels/NAME/VERSION.",
        ),
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", help="A layer of NETWORK; may be given several times.")
    ] = None,
    pixels: Annotated[
        int, typer.Option(min=0, help="Side that patches are resized to; 0 for what NETWORK was made for.")
    ] = 0,
    split: Annotated[
        list[str] | None, typer.Option("--split", help="With --patches: a split of DATA; all if left out.")
    ] = None,
    beam_args: Annotated[
        str, typer.Option(metavar="ARGS", help="Passed on to Beam, as '--direct_num_workers=4'.")
    ] = "",
    quiet: options.QuietOption = False,
) -> None:
    """Make features of the images and captions of a data set, once, or of patches for DeepIndex.

    The same command again goes on where it was stopped. A manifest, features.json, beside the records says
    what made them: dimension, licence, source and SHA-256 of each encoder.

    Example: kzoo encode house/emoji_captions --image efficientnet_lite0 --text minilm

    Example: kzoo encode house/skin_tones --patches efficientnet_lite0 --layer features -o patches
    """
    import_tensorflow()
    from kzoo.data.packages import require_packages

    require_packages("pipeline", "apache_beam")
    if patches is not None:
        _encode_patches(data, patches, layer or [], pixels, split or [], out, beam_args, quiet=quiet)
        return
    if layer or pixels or split:
        raise UsageError("--layer, --pixels and --split go with --patches")
    from kzoo.data.encoding import encoding_of
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


def _encode_patches(
    data: str,
    network: str,
    layers: list[str],
    pixels: int,
    splits: list[str],
    out: Path | None,
    beam_args: str,
    *,
    quiet: bool,
) -> None:
    from kzoo.data.sources import open_source
    from kzoo.systems.deepindex.features import NETWORKS, PatchEncoder
    from kzoo.systems.deepindex.patch_encoding import patch_encoding
    from kzoo.systems.deepindex.patch_pipeline import encode_patches

    if out is None:
        raise UsageError("--patches needs --out, the folder of the features")
    name, _, weights = network.partition(":")
    made_by: PatchEncoder | Path
    if name in NETWORKS:
        made_by = PatchEncoder(name, tuple(layers), pixels, Path(weights) if weights else None)
    elif layers or pixels:
        raise UsageError(
            f"--layer and --pixels go with {', '.join(NETWORKS)}; received --patches {network}, whose export "
            "has its own"
        )
    else:
        made_by = Path(network)
    encoding = patch_encoding(open_source(data), splits, made_by, out)
    count = encode_patches(encoding, shlex.split(beam_args), quiet=quiet)
    total = len(encoding.chunks())
    typer.echo(
        f"{out}: {total} files of features of patches, {count} written now, {total - count} there before"
    )
