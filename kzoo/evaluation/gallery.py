"""A data source as a gallery: vectors, ids and metadata of its images; pictures of what a search finds."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kzoo.data.data_source import DataSource
from kzoo.data.sources import open_source
from kzoo.errors import UsageError
from kzoo.evaluation.embedding import Embedder
from kzoo.files import write_atomic

_BATCH = 32
_SIDE, _GAP, _TEXT = 96, 6, 14

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Gallery:
    """What goes into an index.

    Attributes:
        vectors: float32 (N, D).
        ids: N unique strings, those of the source.
        metadata: of each image, its class, data set and split.
    """

    vectors: npt.NDArray[np.float32]
    ids: list[str]
    metadata: list[dict[str, Any]]


def make_gallery(source: DataSource, splits: Sequence[str], embedder: Embedder, *, quiet: bool) -> Gallery:
    """Embed every image of some splits of a source.

    Args:
        splits: names of its splits; all of them if there are none.
        quiet: no progress bar.

    Raises:
        UnknownNameError: if the source has no such split.
        DataError: if an image cannot be read.
    """
    from rich.console import Console
    from rich.progress import Progress

    chosen = list(splits) or list(source.splits)
    for split in chosen:
        source.read(split, image_size=None)
    console = Console(stderr=True)
    vectors, ids, metadata = [], [], []
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        for split in chosen:
            task = progress.add_task(f"embedding {source.name} {split}", total=source.splits[split].examples)
            examples = source.read(split, image_size=None).as_numpy_iterator()
            while batch := list(islice(examples, _BATCH)):
                vectors.append(embedder([_png(example["image"]) for example in batch]))
                ids += [example["id"].decode("utf-8") for example in batch]
                metadata += [
                    {"class": source.classes[example["label"]], "data": source.name, "split": split}
                    for example in batch
                ]
                progress.advance(task, len(batch))
    return Gallery(np.concatenate(vectors), ids, metadata)


def neighbour_sheet(
    path: Path, queries: Sequence[Path], ids: Sequence[Sequence[str]], captions: Sequence[Sequence[str]],
    metadata: Mapping[str, Mapping[str, Any]],
) -> None:  # fmt: skip
    """Write a PNG with a row a query: its picture, then its neighbours with their captions, nearest first.

    Args:
        queries: Q image files.
        ids, captions: of the neighbours of each query.
        metadata: of each id: the data set and the split that its picture is read from.

    Raises:
        UsageError: if `path` does not end in ".png", or an id has no data set to read its picture from.
        DataError: if a data set cannot be opened.
    """
    from PIL import Image, ImageDraw, ImageFont

    if path.suffix.lower() != ".png":
        raise UsageError(f"expected a path ending in .png; received {path}")
    pictures = dict(_pictures(metadata))
    width, height = _SIDE + _GAP, _SIDE + _TEXT + _GAP
    columns = 1 + max(len(row) for row in ids)
    sheet = Image.new("RGB", (columns * width + 2 * _GAP, len(queries) * height + _GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=_TEXT - 3)
    for place, (query, row, words) in enumerate(zip(queries, ids, captions, strict=True)):
        top = _GAP + place * height
        own = Image.open(query).convert("RGBA")
        own = Image.alpha_composite(Image.new("RGBA", own.size, "white"), own).convert("RGB")
        cells = [own, *(Image.fromarray(pictures[one]) for one in row)]
        for column, (picture, word) in enumerate(zip(cells, [query.name, *words], strict=True)):
            left = _GAP + column * width + (_GAP if column else 0)
            sheet.paste(picture.resize((_SIDE, _SIDE)), (left, top))
            draw.text((left, top + _SIDE), word[:16], fill="black", font=font)
    png = io.BytesIO()
    sheet.save(png, "PNG")
    write_atomic(path, png.getvalue())


def _pictures(metadata: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Pixels]]:
    """Give the picture of each id, reading every split that is needed once."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for one, facts in metadata.items():
        if not {"data", "split"} <= set(facts):
            raise UsageError(f"{one} has no picture: its metadata do not say which data set it is of")
        wanted.setdefault((facts["data"], facts["split"]), set()).add(one)
    for (data, split), ids in wanted.items():
        for example in open_source(data).read(split, image_size=(_SIDE, _SIDE)).as_numpy_iterator():
            name = example["id"].decode("utf-8")
            if name in ids:
                yield name, example["image"]


def _png(image: Pixels) -> bytes:
    return tf.io.encode_png(image).numpy()
