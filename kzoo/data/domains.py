"""Two domains of pictures, A and B, for image-to-image translation without pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kzoo.data.data_source import Split
from kzoo.data.layers import EMOJI_LAYERS, LayerArrays, LayerSource, open_layers
from kzoo.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np

HOUSE = {
    "house/outline_color": ("outline", "color"),
    "house/labels_color": ("labels", "color"),
}
SIDE = 64
LABEL_COLORS = {
    "background": (255, 255, 255),
    "color": (70, 130, 220),
    "hair": (140, 80, 30),
    "skin": (250, 190, 150),
    "line": (0, 0, 0),
}


@dataclass(frozen=True)
class DomainExamples:
    """A split in memory.

    Attributes:
        a, b: uint8 (N_a, H, W, 3) and (N_b, H, W, 3).
        ids: str, of the larger domain, of A where they are equal.
        paired: b[i] is the true translation of a[i]; only measures may use that.
    """

    a: np.ndarray
    b: np.ndarray
    ids: np.ndarray
    paired: bool = False

    def __post_init__(self) -> None:
        for name, images in (("A", self.a), ("B", self.b)):
            if images.dtype != "uint8" or images.ndim != 4 or images.shape[-1] != 3 or not len(images):
                raise DataError(
                    f"domain {name} needs one picture or more, uint8 (N, H, W, 3); received {images.dtype} "
                    f"{images.shape}"
                )
        if self.a.shape[1:] != self.b.shape[1:]:
            raise DataError(
                f"the domains need pictures of one size; received {self.a.shape[1:3]} in A and "
                f"{self.b.shape[1:3]} in B"
            )
        if len(self.ids) != len(self) or (self.paired and len(self.a) != len(self.b)):
            raise DataError(
                f"expected {len(self)} ids, and pairs of as many pictures; received {len(self.ids)} ids for "
                f"{len(self.a)} and {len(self.b)} pictures, paired={self.paired}"
            )

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.a.shape[1:3]


@dataclass(frozen=True)
class DomainSource:
    """Two domains in fixed splits.

    Attributes:
        name: as the user gave it.
        domains: what A and B are, in a word each.
        classes: none; a name that all sources have.
        splits: name to split.
        fingerprint: SHA-256 that changes whenever the examples do.
        licence, source: one line each, for cards.
        layers: what the pictures are drawn from.
    """

    name: str
    domains: tuple[str, str]
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str
    layers: LayerSource = field(repr=False)
    classes: tuple[str, ...] = ()

    def examples(self, split: str) -> DomainExamples:
        """Read both domains of a split.

        Raises:
            UnknownNameError, DataError: as `LayerSource.arrays`.
        """
        arrays = self.layers.arrays(split, image_size=(SIDE, SIDE))
        a, b = (drawn(arrays, domain, self.layers.classes) for domain in self.domains)
        return DomainExamples(a, b, arrays.ids, paired=True)


def open_domains(name: str, *, build: bool = True) -> DomainSource:
    """Open two domains by name.

    `house/outline_color`: the outlines of emoji, and emoji in colour, 64x64. `house/labels_color`: their
    label maps in fixed colours, and emoji in colour. The true translation of each is known.

    Args:
        name: of the domains.
        build: build what is not on disk; False makes that a DataError.

    Raises:
        UnknownNameError: for another name.
        DataError: as `kzoo.data.layers.open_layers`.
    """
    if name not in HOUSE:
        raise UnknownNameError("pair of domains", name, HOUSE)
    layers = open_layers(EMOJI_LAYERS, build=build, image_size_hint=SIDE)
    return DomainSource(
        name=name,
        domains=HOUSE[name],
        splits={key: replace(split) for key, split in layers.splits.items()},
        fingerprint=layers.fingerprint,
        licence=layers.licence,
        source=layers.source,
        layers=layers,
    )


def drawn(arrays: LayerArrays, domain: str, classes: tuple[str, ...]) -> np.ndarray:
    """Return one domain of a split as pictures, uint8 (N, H, W, 3).

    Args:
        arrays: the split.
        domain: "color"; "outline", black lines on white; or "labels", each class in its colour.
        classes: of the label maps.
    """
    import numpy as np

    if domain == "color":
        return arrays.color
    if domain == "outline":
        return np.repeat(255 - arrays.outline[..., None], 3, axis=-1)
    return label_colors(classes)[arrays.labels]


def label_colors(classes: tuple[str, ...]) -> np.ndarray:
    """Return the colour of each class, uint8 (classes, 3).

    Raises:
        UnknownNameError: for a class that has none.
    """
    import numpy as np

    for name in classes:
        if name not in LABEL_COLORS:
            raise UnknownNameError("class with a colour", name, LABEL_COLORS)
    return np.array([LABEL_COLORS[name] for name in classes], np.uint8)


def labels_from_colors(images: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """Return the class whose colour is nearest at each pixel, uint8 (N, H, W), of images (N, H, W, 3)."""
    import numpy as np

    colors = label_colors(classes).astype(np.float32)
    distances = ((images[..., None, :].astype(np.float32) - colors) ** 2).sum(axis=-1)
    return distances.argmin(axis=-1).astype(np.uint8)
