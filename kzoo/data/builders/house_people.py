"""TFDS builder of rendered persons in pairs: key-points, parts, and in held-out splits the true swap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.data.people_body import LICENCE, SOURCE
from kzoo.data.people_parts import PARTS
from kzoo.data.people_render import SIDE, Picture
from kzoo.data.people_scenes import SIZES, SPLITS, Pair, pairs_of, recipe_hash, render_scenes
from kzoo.data.pose import KEY_POINTS


def person_features(size: tuple[int | None, int | None]) -> tfds.features.FeaturesDict:
    """Return the features of one picture of a person, of (height, width)."""
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(*size, 3)),
            "parts": tfds.features.Image(shape=(*size, 1), doc=f"indices of {', '.join(PARTS)}"),
            "key_points": tfds.features.Tensor(
                shape=(len(KEY_POINTS), 3),
                dtype=np.float32,
                doc=f"x, y in pixels, and confidence, of {', '.join(KEY_POINTS)}",
            ),
        }
    )


def config_name(name: str) -> str:
    """Return the configuration that has a part of the house set, with the hash of how it is drawn."""
    return f"{name.removeprefix('house/').replace(':', '_')}-{recipe_hash(name)[:12]}"


class HousePeople(tfds.core.GeneratorBasedBuilder):
    """Rendered persons, two pictures an example; one configuration a size of the set.

    In "train" a person in one outfit stands in two poses, and the target is the reference. In "validation"
    and "test" the condition and the reference are two persons, and the target is the reference's person and
    pose in the condition's outfit.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "anny 0.6.2, 128x128."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name=config_name(name), description=name) for name in SIZES
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        person = person_features((SIDE, SIDE))
        return self.dataset_info_from_configs(
            description=f"Rendered persons. {SOURCE}. Licence: {LICENCE}.",
            features=tfds.features.FeaturesDict(
                {
                    "condition": person,
                    "reference": person,
                    "target": person,
                    "id": tfds.features.Text(),
                }
            ),
            homepage="https://github.com/naver/anny",
            license=LICENCE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        name = self.builder_config.description
        pairs = pairs_of(split, SIZES[name][split])
        scenes = list(dict.fromkeys(scene for pair in pairs for scene in pair))
        pictures = render_scenes(scenes, f"{name}, {split}")
        features = {scene: _features(picture) for scene, picture in zip(scenes, pictures, strict=True)}
        for number, pair in enumerate(pairs):
            example = {kind: features[scene] for kind, scene in zip(Pair._fields, pair, strict=True)}
            yield f"{split}-{number:04d}", {**example, "id": f"{split}-{number:04d}"}


def _features(picture: Picture) -> dict[str, np.ndarray]:
    return {
        "image": picture.image,
        "parts": picture.parts[..., None],
        "key_points": picture.key_points,
    }
