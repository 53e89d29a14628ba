"""Features of the patches of a data set, made by an exported SavedModel, chunk by chunk in files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.files import folder_written_aside, sha256_of_folder, write_atomic
from kzoo.systems.deepindex.features import PatchEncoder, resized
from kzoo.systems.deepindex.pyramid import PATCHES, pyramid

if TYPE_CHECKING:
    from kzoo.data.data_source import DataSource

MANIFEST, MODEL_FOLDER = "patches.json", "model"
IMAGES_A_CHUNK = 32
EMBED, IMAGE_BYTES = "embed", "image_bytes"
FORMAT = 1
_SAVED_MODEL_FILE = "saved_model.pb"


@dataclass(frozen=True)
class Chunk:
    """A run of images of one split, and the file that the features of their patches go to."""

    split: str
    number: int
    of: int

    @property
    def file(self) -> str:
        """Its name, as "train-00000-of-00050.npz"."""
        return f"{self.split}-{self.number:05d}-of-{self.of:05d}.npz"


@dataclass(frozen=True)
class PatchBatch:
    """The patches of a chunk, each different one once.

    Attributes:
        chunk: that they are of.
        ids: of its N images.
        patches: PNG files.
        rows: of N x 14 patches, which of `patches` each is.
    """

    chunk: Chunk
    ids: tuple[str, ...]
    patches: tuple[bytes, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class PatchEncoding:
    """What is encoded by what, and where the features lie.

    Attributes:
        source: the images.
        splits: of the source.
        model: folder of the SavedModel, whose `embed` takes image_bytes and answers a feature an output.
        pixels: side that patches are resized to before; 0 to leave that to the model.
        folder: of the features.
    """

    source: DataSource
    splits: tuple[str, ...]
    model: Path
    pixels: int
    folder: Path

    def chunks(self) -> list[Chunk]:
        """Return all chunks of all splits."""
        found = []
        for split in self.splits:
            of = max(1, -(-self.source.splits[split].examples // IMAGES_A_CHUNK))
            found += [Chunk(split, number, of) for number in range(of)]
        return found

    def missing(self) -> list[Chunk]:
        """Return the chunks that are not there yet."""
        return [chunk for chunk in self.chunks() if not (self.folder / chunk.file).is_file()]

    def description(self) -> dict[str, Any]:
        """Return what the features are made of, as patches.json holds it."""
        return {
            "format": FORMAT,
            "data": self.source.name,
            "fingerprint": self.source.fingerprint,
            "splits": list(self.splits),
            "model_sha256": sha256_of_folder(self.model),
            "pixels": self.pixels,
            "patches": PATCHES,
            "images_a_file": IMAGES_A_CHUNK,
        }


def patch_encoding(
    source: DataSource, splits: Sequence[str], made_by: PatchEncoder | Path, folder: Path
) -> PatchEncoding:
    """Return what encoding the patches of a data set means; only the SavedModel is written, if there is none.

    Args:
        source: the images.
        splits: of them; all if there are none.
        made_by: layers of a network, which is then exported into `folder`; or an exported model.
        folder: of the features.

    Raises:
        UnknownNameError: if the source has no such split, or the network no such layer.
        UsageError: if the model is no exported one.
        DataError: if the folder holds features of other data or of another model.
    """
    chosen = tuple(splits) or tuple(source.splits)
    for split in chosen:
        if split not in source.splits:
            raise UnknownNameError(f"split of {source.name}", split, source.splits)
    if isinstance(made_by, Path):
        if not (made_by / _SAVED_MODEL_FILE).is_file():
            raise UsageError(f"{made_by} is no exported model; expected savedmodels/NAME/VERSION")
        encoding = PatchEncoding(source, chosen, made_by.resolve(), 0, folder)
    else:
        model = folder / MODEL_FOLDER / made_by.fingerprint()[:12]
        if not model.is_dir():
            _require_no_other_model(folder, model)
            with folder_written_aside(model) as aside:
                made_by.export(aside)
        encoding = PatchEncoding(source, chosen, model, made_by.side, folder)
    _require_same(encoding)
    return encoding


def batches(encoding: PatchEncoding, chunks: Sequence[Chunk]) -> Iterator[PatchBatch]:
    """Yield the patches of chunks, which are of one split and in order; what lies between is passed over.

    Raises:
        DataError: if an image is too small for the pyramid; the message names it.
    """
    wanted = {chunk.number: chunk for chunk in chunks}
    if not wanted:
        return
    examples = encoding.source.read(chunks[0].split, image_size=None).batch(1)
    images: list[npt.NDArray[np.uint8]] = []
    ids: list[str] = []
    last = max(wanted)
    count = encoding.source.splits[chunks[0].split].examples
    for row, example in enumerate(examples.as_numpy_iterator()):
        number = row // IMAGES_A_CHUNK
        if number > last:
            return
        if number in wanted:
            images.append(example["image"][0])
            ids.append(example["id"][0].decode("utf-8"))
            if (row + 1) % IMAGES_A_CHUNK == 0 or row + 1 == count:
                yield _batch(encoding, wanted[number], ids, images)
                images, ids = [], []


def _batch(
    encoding: PatchEncoding, chunk: Chunk, ids: Sequence[str], images: Sequence[npt.NDArray[np.uint8]]
) -> PatchBatch:
    different: dict[bytes, int] = {}
    rows = []
    for one, image in zip(ids, images, strict=True):
        try:
            patches = pyramid(image)
        except DataError as error:
            raise DataError(f"{encoding.source.name}, {one}: {error}") from error
        for patch in patches:
            png = _png(resized(patch, encoding.pixels) if encoding.pixels else patch)
            rows.append(different.setdefault(png, len(different)))
    return PatchBatch(chunk, tuple(ids), tuple(different), tuple(rows))


def write_chunk(folder: Path, batch: PatchBatch, features: dict[str, Any]) -> None:
    """Write the features of a chunk, float32 (N, 14, D) of each output and its ids, whole or not at all."""
    rows = np.array(batch.rows)
    arrays = {
        name: np.asarray(values, np.float32)[rows].reshape(len(batch.ids), PATCHES, -1)
        for name, values in features.items()
    }
    content = io.BytesIO()
    np.savez(content, ids=np.array(batch.ids, np.str_), **arrays)
    write_atomic(folder / batch.chunk.file, content.getvalue())


def write_description(encoding: PatchEncoding) -> None:
    """Write patches.json where there is none."""
    path = encoding.folder / MANIFEST
    if not path.is_file():
        write_atomic(path, json.dumps(encoding.description(), indent=2) + "\n")


def load_patches(folder: Path) -> tuple[dict[str, npt.NDArray[np.float32]], list[str]]:
    """Return what a folder holds: float32 (N, 14, D) of each feature, and the N ids, in the data's order.

    Raises:
        DataError: if the folder holds no features, or a file of them is missing.
    """
    try:
        description = json.loads((folder / MANIFEST).read_text("utf-8"))
        order = {split: place for place, split in enumerate(description["splits"])}
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder} holds no features of patches: {error}") from error
    paths = sorted(folder.glob("*-of-*.npz"), key=lambda path: (order[path.name.split("-")[0]], path.name))
    expected = sum(int(path.stem.rpartition("-")[2]) for path in paths if "-00000-of-" in path.name)
    if not paths or len(paths) != expected:
        raise DataError(f"{folder} holds {len(paths)} files of features; expected {expected or 'some'}")
    chunks = [dict(np.load(path, allow_pickle=False)) for path in paths]
    ids = [str(one) for chunk in chunks for one in chunk.pop("ids")]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}, ids


def _png(patch: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(patch).save(content, "PNG", compress_level=1)
    return content.getvalue()


def _require_no_other_model(folder: Path, model: Path) -> None:
    if (folder / MANIFEST).is_file():
        raise DataError(f"{folder} holds features of another model; expected those of {model.name}")


def _require_same(encoding: PatchEncoding) -> None:
    path = encoding.folder / MANIFEST
    if not path.is_file():
        return
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; remove the folder to encode again") from error
    expected = encoding.description()
    if found != expected:
        differences = [
            f"{name}: {found.get(name)} there, {value} asked for"
            for name, value in expected.items()
            if not isinstance(found, dict) or found.get(name) != value
        ]
        raise DataError(f"{encoding.folder} holds other features ({'; '.join(differences)})")
