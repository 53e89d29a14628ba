"""`kzoo index`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kzoo.cli import options
from kzoo.cli.neighbours import show_neighbours
from kzoo.cli.quiet import import_tensorflow
from kzoo.errors import UsageError

if TYPE_CHECKING:
    from kzoo.retrieval import Plan, VectorIndex

group = typer.Typer(no_args_is_help=True)

PlaceArgument = Annotated[
    str, typer.Argument(metavar="INDEX", help="Its folder, or milvus://HOST:PORT/COLLECTION.")
]
ModelOption = Annotated[
    Path, typer.Option(help="An exported model (savedmodels/NAME or NAME/VERSION) or a run folder.")
]
SplitOption = Annotated[
    list[str] | None, typer.Option("--split", help="A split of the data; all of them if left out.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Add the group of verbs."""
    app.add_typer(group, name="index", help="Find images by their nearest neighbours: build, change, search.")


@group.command()
def build(
    data: Annotated[str, typer.Argument(help="A data set (`kzoo data` lists them) or a folder of images.")],
    model: ModelOption,
    out: Annotated[str, typer.Option("--out", "-o", help="A new folder, or milvus://HOST:PORT/COLLECTION.")],
    split: SplitOption = None,
    metric: Annotated[str, typer.Option(help="cosine, dot or l2.")] = "cosine",
    plan: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="How to search: exact, or leaves=450 leaves_to_search=50 block=2 reorder=200 each after a "
            "--plan; by the gallery's size if left out.",
        ),
    ] = None,
    quiet: options.QuietOption = False,
) -> None:
    """Embed the images of a data set with a model, and build an index of them.

    Example: kzoo index build house/emoji --model savedmodels/cfn_a -o gallery
    """
    remote = out.startswith("milvus://")
    if not remote and Path(out).exists():
        raise UsageError(f"{out} exists already; expected a new folder")
    if remote and plan:
        raise UsageError(f"--plan is for an index in a folder; {out} is searched as its server does")
    chosen = _plan(plan)
    import_tensorflow()
    from kzoo.data.sources import open_source
    from kzoo.evaluation.embedding import Embedder
    from kzoo.evaluation.gallery import make_gallery
    from kzoo.retrieval import Index, MilvusIndex

    embedder = Embedder.open(model)
    gallery = make_gallery(open_source(data), split or [], embedder, quiet=quiet)
    common: dict[str, Any] = {
        "metric": metric,
        "model": embedder.model,
        "model_version": embedder.version,
        "metadata": gallery.metadata,
        "quiet": quiet,
    }
    if remote:
        built: VectorIndex = MilvusIndex.build(out, gallery.vectors, gallery.ids, **common)
    else:
        local = Index.build(gallery.vectors, gallery.ids, plan=chosen, **common)
        local.save(out)
        built = local
    facts = built.info()
    typer.echo(
        f"{out}: {facts['count']} vectors of {facts['model']} version {facts['model_version']}, "
        f"{facts.get('plan_kind') or facts['index_type']}, recall at {facts['recall']['k']} "
        f"{facts['recall']['recall']:.4f}"
    )
    built.close()


@group.command()
def add(
    index: PlaceArgument,
    data: Annotated[str, typer.Argument(help="A data set or a folder of images.")],
    model: ModelOption,
    split: SplitOption = None,
    rebalance: Annotated[bool, typer.Option("--rebalance", help="Train the index anew afterwards.")] = False,
    quiet: options.QuietOption = False,
) -> None:
    """Add images; those whose ids are in the index already replace what is there.

    Example: kzoo index add gallery more_pictures --model savedmodels/cfn_a
    """
    import_tensorflow()
    from kzoo.data.sources import open_source
    from kzoo.evaluation.embedding import Embedder
    from kzoo.evaluation.gallery import make_gallery
    from kzoo.retrieval import open_index

    embedder = Embedder.open(model)
    opened = open_index(index, embedder.model, embedder.version)
    before = len(opened)
    gallery = make_gallery(open_source(data), split or [], embedder, quiet=quiet)
    opened.upsert(gallery.ids, gallery.vectors, gallery.metadata)
    if rebalance:
        opened.rebalance()
    _keep(opened, index)
    added = len(opened) - before
    typer.echo(f"{index}: {added} added, {len(gallery.ids) - added} replaced, {len(opened)} in all")
    opened.close()


@group.command()
def remove(
    index: PlaceArgument,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, as `kzoo index search` prints.")],
) -> None:
    """Remove images by their ids.

    Example: kzoo index remove gallery 1F600 1F601
    """
    from kzoo.retrieval import open_index

    opened = open_index(index)
    opened.delete(ids)
    _keep(opened, index)
    typer.echo(f"{index}: {len(ids)} removed, {len(opened)} in all")
    opened.close()


@group.command()
def info(index: PlaceArgument, as_json: JsonOption = False) -> None:
    """Say which model made an index, how it searches, and how well.

    Example: kzoo index info gallery
    """
    from kzoo.retrieval import open_index

    opened = open_index(index)
    facts = opened.info()
    opened.close()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        import yaml

        typer.echo(yaml.safe_dump(facts, sort_keys=False).rstrip())


@group.command()
def export(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="Its folder.")],
    model: Annotated[Path, typer.Option(help="The exported model that made it: savedmodels/NAME/VERSION.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new version folder, as savedmodels/NAME/1.")],
    scann: Annotated[
        bool,
        typer.Option(
            "--scann",
            help="The index itself, as operations of ScaNN: for `kzoo serve` in the environment of "
            "`tools/setup.sh --graph`, where this must run too.",
        ),
    ] = False,
) -> None:
    """Write model and gallery as one SavedModel with exact search in its graph, for any TensorFlow server.

    Example: kzoo index export gallery --model savedmodels/cfn_a/1 -o savedmodels/cfn_a_search/1
    """
    import_tensorflow()
    from kzoo.export.gallery_search import ExactSearch, GallerySearch, export_gallery_search

    kind: type[GallerySearch] = ExactSearch
    if scann:
        from kzoo.export.scann_search import ScannSearch

        kind = ScannSearch
    opened = export_gallery_search(model, index, out, kind)
    searched = opened.info()["plan_kind"] if scann else "every one scored"
    typer.echo(f"{out}: search over {len(opened)} vectors, {searched}")
    opened.close()


@group.command()
def search(
    index: PlaceArgument,
    model: ModelOption,
    image: Annotated[list[Path], typer.Option(help="An image file; may be given several times.")],
    count: Annotated[int, typer.Option("-k", min=1, help="Neighbours of each image.")] = 10,
    page: Annotated[
        Path | None, typer.Option("--page", "-o", help="Write pictures of the neighbours to this PNG file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find the images of an index that are nearest to pictures.

    Example: kzoo index search gallery --model savedmodels/cfn_a --image cat.png -o neighbours.png
    """
    search_images(index, model, image, count, page, as_json=as_json)


def search_images(
    index: str, model: Path, image: list[Path], count: int, page: Path | None, *, as_json: bool
) -> None:
    """Do what `kzoo index search` does, for `kzoo search` too."""
    import_tensorflow()
    from kzoo.evaluation.embedding import Embedder
    from kzoo.retrieval import open_index

    embedder = Embedder.open(model)
    opened = open_index(index, embedder.model, embedder.version)
    found = opened.search(embedder([_read(path) for path in image]), count)
    unique = list(dict.fromkeys(found.ids.ravel().tolist()))
    metadata = dict(zip(unique, opened.metadata_of(unique), strict=True))
    opened.close()
    show_neighbours(image, found.ids.tolist(), found.scores.tolist(), metadata, page, as_json=as_json)


def _plan(assignments: list[str] | None) -> Plan | None:
    from kzoo.retrieval import Plan

    if not assignments:
        return None
    if assignments == ["exact"]:
        return Plan()
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        if not separator or key not in Plan.__dataclass_fields__:
            raise UsageError(
                f"--plan {assignment}: expected exact, or KEY=VALUE with one of "
                f"{', '.join(Plan.__dataclass_fields__)}"
            )
        try:
            values[key] = json.loads(value)
        except ValueError:
            values[key] = value
    return Plan(**values)


def _keep(opened: VectorIndex, place: str) -> None:
    from kzoo.retrieval import Index

    if isinstance(opened, Index):
        opened.save(place)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"the image {path} cannot be read: {error.strerror}") from error
