"""What the tables of chapter 4 are measured on: features of the groups of skin tones, in halves by a seed.

AlexNet and VGG-19 are replaced by EfficientNet-Lite0 and VGG-16 with HED's weights, two layers of each, whose
weights come with packages. On one half of the groups codebooks and components are trained, in the other every
image is a query.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from kzoo.data import skin_tones
from kzoo.systems.deepindex.codebook import Codebook
from kzoo.systems.deepindex.features import PatchEncoder, patch_features
from kzoo.systems.deepindex.vectors import Floats, PrincipalComponents, unit_length

DATA = "house/skin_tones"
DRAWN_AT = 192
ENCODERS: Mapping[str, PatchEncoder] = {
    "lite0": PatchEncoder("efficientnet_lite0", ("block_10_project_norm", "features"), 64),
    "hed": PatchEncoder("vgg16_hed", ("block4_conv3", "block5_conv3"), 48),
}
NAMES = {
    ("lite0", "block_10_project_norm"): "lite0 mid",
    ("lite0", "features"): "lite0 top",
    ("hed", "block4_conv3"): "hed 4",
    ("hed", "block5_conv3"): "hed 5",
}
PAIR = ("lite0 top", "hed 5")
SINGLE = ("lite0 top",)
WORDS = 1000
FIXED_ASSIGNMENTS, FIXED_ALPHA = 5, 8.0
QUERIES_AT_ONCE = 128


class Split:
    """The gallery of one seed, and what was trained on the other half of the groups."""

    def __init__(
        self, features: Mapping[str, Floats], groups: npt.NDArray[np.int64], seed: int, words: int
    ) -> None:
        training, gallery = skin_tones.group_halves(int(groups.max()) + 1, seed)
        self.seed, self.words = seed, words
        self.rows = {"training": np.isin(groups, training), "gallery": np.isin(groups, gallery)}
        self.features = features
        self.groups = groups[self.rows["gallery"]]
        self._prepared: dict[tuple[str, int], tuple[Floats, Codebook]] = {}

    def prepared(self, name: str, dimension: int) -> tuple[Floats, Codebook]:
        """Return the gallery's patches of a feature, (N, P, D) of length 1, and its words."""
        if (name, dimension) not in self._prepared:
            training, gallery = (self.features[name][rows] for rows in self.rows.values())
            flat = training.reshape(-1, training.shape[-1])
            if dimension:
                project = PrincipalComponents.fit(flat, min(dimension, flat.shape[1]), seed=self.seed)
                flat, gallery = project(flat), project(gallery)
            else:
                flat, gallery = unit_length(flat), unit_length(gallery)
            self._prepared[name, dimension] = gallery, Codebook.train(flat, self.words, seed=self.seed)
        return self._prepared[name, dimension]


def load_features(
    names: Collection[str] = tuple(NAMES.values()),
    drawings: tuple[skin_tones.Drawing, ...] | None = None,
) -> tuple[dict[str, Floats], npt.NDArray[np.int64]]:
    """Return float32 (N, 14, D) of each feature by its short name, and the group of each image.

    Args:
        names: of the features; a network is run for all of its layers if one of them is named.
        drawings: the images; those of the groups if None.
    """
    images = drawings or skin_tones.grouped_drawings()
    fingerprint = f"{skin_tones.fingerprint(images)}:{DRAWN_AT}"
    found: dict[str, Floats] = {}
    for key, encoder in ENCODERS.items():
        wanted = {layer: NAMES[key, layer] for layer in encoder.layers if NAMES[key, layer] in names}
        if wanted:
            by_layer = patch_features(
                encoder,
                lambda number: skin_tones.draw(images[number], DRAWN_AT),
                len(images),
                fingerprint,
                label=f"{encoder.network} of {len(images)} images",
            )
            found |= {short: by_layer[layer] for layer, short in wanted.items()}
    return found, np.array([one.group for one in images])


def as_csv(results: Sequence[Any]) -> str:
    """Return a line a result, all of one dataclass."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(results[0])])
    writer.writerows(astuple(one) for one in results)
    return text.getvalue()


def spread(values: Sequence[float], digits: int) -> str:
    """Return the mean, and with several values the standard deviation over the splits."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"
