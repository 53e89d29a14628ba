"""Galleries searched by text and by image: indexes of what an exported matching network makes of both."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from kzoo.data.captions import CAPTIONED, CaptionedImage, open_captions
from kzoo.errors import DataError, ExportError, UsageError
from kzoo.files import folder_written_aside, write_atomic
from kzoo.serving.versions import SAVED_MODEL_FILE, find_versions

if TYPE_CHECKING:
    from kzoo.retrieval import Neighbours

IMAGES, TEXTS, DESCRIPTION = "images", "texts", "gallery.json"
ENDPOINTS = {IMAGES: ("embed_image", "image_bytes"), TEXTS: ("embed_text", "text")}
SPACES_OF_A_CYCLE = ("visual", "textual")
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp")
BATCH = 32
SIDE, GAP, LINE = 128, 8, 16


@dataclass(frozen=True)
class PairEmbedder:
    """An exported matching network as vectors of images and of texts whose cosines are its similarities.

    Where it has one space, "embedding", that is the vector. Where it has a visual and a textual space, the
    vector is both, each of length 1: the cosine is then the average of the two scores (thesis eq. 6.9).

    Attributes:
        model, version: of the export.
        functions: "images" and "texts" to function of string (N,) to vectors by space.
    """

    model: str
    version: str
    functions: dict[str, Callable[[tf.Tensor], dict[str, tf.Tensor]]]

    @classmethod
    def open(cls, path: Path) -> PairEmbedder:
        """Open an export's version folder, or its folder of versions, of which the newest is taken.

        Raises:
            UsageError: if the path is neither.
            ExportError: if the export does not take raw images and texts, or cannot be loaded.
        """
        if not (path / SAVED_MODEL_FILE).is_file():
            versions = find_versions(path) if path.is_dir() else {}
            if not versions:
                raise UsageError(
                    f"{path} is no exported model; expected savedmodels/NAME or .../NAME/VERSION"
                )
            path = versions[max(versions)]
        path = path.resolve()
        try:
            loaded = tf.saved_model.load(str(path))
        except (OSError, tf.errors.OpError) as error:
            raise ExportError(f"{path} cannot be loaded: {error}") from error
        missing = [name for name, _ in ENDPOINTS.values() if name not in loaded.signatures]
        if missing:
            known = ", ".join(sorted(loaded.signatures))
            raise ExportError(f"{path} has no endpoint {' and '.join(missing)}; it has {known}")
        functions = {kind: _endpoint(loaded, *endpoint) for kind, endpoint in ENDPOINTS.items()}
        return cls(path.parent.name, path.name, functions)

    def __call__(self, kind: str, items: Sequence[bytes | str]) -> np.ndarray:
        """Return vectors float32 (N, D) of "images" (encoded) or "texts".

        Raises:
            DataError: if an image cannot be decoded, or a text is empty.
        """
        if kind == TEXTS and not all(str(text).strip() for text in items):
            raise DataError("received an empty text; expected some words")
        try:
            found = self.functions[kind](tf.constant(list(items), tf.string))
        except tf.errors.InvalidArgumentError as error:
            raise DataError(f"{self.model} cannot embed the {kind}: {error.message}") from error
        spaces = [found[name] for name in SPACES_OF_A_CYCLE if name in found] or list(found.values())[:1]
        return np.concatenate([tf.math.l2_normalize(space, axis=1).numpy() for space in spaces], axis=1)


def build_pair_gallery(
    data: str, splits: Sequence[str], embedder: PairEmbedder, out: Path, *, quiet: bool = False
) -> dict[str, int]:
    """Write a gallery folder: an index of images and, where the data have captions, one of texts.

    Args:
        data: a captioned data set, or a folder with image files, in sub-folders too.
        splits: of a captioned data set; all of them if there are none.
        embedder: makes the vectors.
        out: the new folder.
        quiet: no progress bar.

    Returns:
        The number of images and of texts.

    Raises:
        DataError: if there is no image, or one cannot be read.
        KzooError: if `out` exists; nothing is written.
    """
    from kzoo.data.progress import progress_bar
    from kzoo.retrieval import Index

    images = _images(data, splits)
    captions = [(image.id, caption) for image in images for caption in image.captions]
    chunks = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    bar = chunks if quiet else progress_bar(chunks, f"embedding images of {data}", total=len(chunks))
    vectors = [embedder(IMAGES, [image.image_bytes() for image in chunk]) for chunk in bar]
    facts: dict[str, Any] = {
        "metric": "cosine",
        "model": embedder.model,
        "model_version": embedder.version,
        "quiet": True,
    }
    with folder_written_aside(out) as aside:
        ids = [image.id for image in images]
        metadata = [{"captions": list(image.captions)} for image in images]
        Index.build(np.concatenate(vectors), ids, metadata=metadata, **facts).save(aside / IMAGES)
        if captions:
            texts = [caption for _, caption in captions]
            parts = [embedder(TEXTS, texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
            names = [f"{image}#{number}" for number, (image, _) in enumerate(captions)]
            words = [{"image": image, "caption": caption} for image, caption in captions]
            Index.build(np.concatenate(parts), names, metadata=words, **facts).save(aside / TEXTS)
        description = {"data": data, "splits": list(splits)}
        write_atomic(aside / DESCRIPTION, json.dumps(description, indent=2) + "\n")
    return {IMAGES: len(images), TEXTS: len(captions)}


def search_pairs(
    gallery: Path, embedder: PairEmbedder, query: str | Path, count: int
) -> tuple[Neighbours, list[dict[str, Any]]]:
    """Find the images nearest to a text, or the texts nearest to an image file.

    Returns:
        The neighbours of the one query, and their metadata.

    Raises:
        DataError: if the image cannot be read, the text is empty, or the gallery has no texts.
    """
    from kzoo.retrieval import open_index

    asks_by_image = isinstance(query, Path)
    place = gallery / (TEXTS if asks_by_image else IMAGES)
    if asks_by_image and (gallery / IMAGES).is_dir() and not place.is_dir():
        raise DataError(f"{gallery} holds images without captions; it is searched by --text")
    opened = open_index(str(place), embedder.model, embedder.version)
    vectors = embedder(IMAGES, [_read(query)]) if isinstance(query, Path) else embedder(TEXTS, [query])
    found = opened.search(vectors, count)
    metadata = opened.metadata_of(found.ids[0].tolist())
    opened.close()
    return found, metadata


def pictures_of(gallery: Path, ids: Sequence[str]) -> dict[str, bytes]:
    """Return the encoded images of a gallery by their ids.

    Raises:
        DataError: if the gallery's description or an image cannot be read.
    """
    path = gallery / DESCRIPTION
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        images = _images(description["data"], description["splits"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read: {error!r}") from error
    wanted = set(ids)
    return {image.id: image.image_bytes() for image in images if image.id in wanted}


def pair_sheet(path: Path, title: str, pictures: Sequence[bytes], words: Sequence[Sequence[str]]) -> None:
    """Write a PNG of pictures, nearest first, each over its lines of words.

    Raises:
        UsageError: if `path` does not end in ".png".
    """
    from PIL import Image, ImageDraw, ImageFont

    if path.suffix.lower() != ".png":
        raise UsageError(f"expected a path ending in .png; received {path}")
    columns = min(5, max(1, len(pictures)))
    lines = max((len(one) for one in words), default=0)
    height, width = SIDE + lines * LINE + GAP, SIDE + GAP
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + 2 * LINE + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=LINE - 4)
    draw.text((GAP, GAP), title[: columns * 20], fill="black", font=ImageFont.load_default(size=LINE - 2))
    for place, (picture, text) in enumerate(zip(pictures, words, strict=True)):
        left, top = GAP + place % columns * width, 2 * LINE + place // columns * height
        with Image.open(io.BytesIO(picture)) as opened:
            thumbnail = opened.convert("RGBA")
        thumbnail.thumbnail((SIDE, SIDE))
        sheet.paste(thumbnail, (left, top), thumbnail)
        for line, one in enumerate(text):
            draw.text((left, top + SIDE + line * LINE), one[:20], fill="black", font=font)
    png = io.BytesIO()
    sheet.save(png, "PNG")
    write_atomic(path, png.getvalue())


def _endpoint(loaded: Any, name: str, argument: str) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    signature = loaded.signatures[name]

    def call(items: tf.Tensor, _kept: Any = loaded) -> dict[str, tf.Tensor]:
        return dict(signature(**{argument: items}))

    return call


def _images(data: str, splits: Sequence[str]) -> list[CaptionedImage]:
    if data in CAPTIONED:
        source = open_captions(data)
        return [image for split in splits or source.splits for image in source.images(split)]
    found = list(_files(Path(data).expanduser()))
    if not found:
        raise DataError(
            f"{data} is no captioned data set ({', '.join(CAPTIONED)}) and no folder with image files "
            f"({', '.join(SUFFIXES)})"
        )
    return found


def _files(folder: Path) -> Iterator[CaptionedImage]:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.suffix.lower() in SUFFIXES:
            name = path.relative_to(folder).as_posix()
            yield CaptionedImage(id=name, image_bytes=path.read_bytes, captions=(), labels=())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
