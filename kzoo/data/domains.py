"""Two domains of pictures, A and B, for image-to-image translation without pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kzoo.data.data_source import Split
from kzoo.data.label_sets import LABEL_SETS, Color, open_label_set
from kzoo.data.layers import EMOJI_LAYERS, LayerArrays, open_layers
from kzoo.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np

HOUSE = {
    "house/outline_color": ("outline", "color"),
    "house/labels_color": ("labels", "color"),
}
DOMAINS = (*HOUSE, *LABEL_SETS, "sbir_shoes", "sbir_chairs")
SIDE = 64
LABEL_COLORS: Mapping[str, Color] = {
    "background": (255, 255, 255),
    "color": (70, 130, 220),
    "hair": (140, 80, 30),
    "skin": (250, 190, 150),
    "line": (0, 0, 0),
}
IGNORED = 255
IGNORED_COLOR = (0, 0, 0)
"""Of pixels that count for nothing, in sets that have such and no class of that colour."""


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
        read: gives both domains of a split.
        label_colors: where A is label maps, class to its colour in the order of the classes.
    """

    name: str
    domains: tuple[str, str]
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str
    read: Callable[[str], DomainExamples] = field(repr=False)
    label_colors: Mapping[str, Color] = field(default_factory=dict, repr=False)
    classes: tuple[str, ...] = ()

    def examples(self, split: str) -> DomainExamples:
        """Read both domains of a split.

        Raises:
            UnknownNameError: if the source has no such split.
            DataError: if what is on disk is broken.
        """
        return self.read(split)


def open_domains(name: str, *, build: bool = True) -> DomainSource:
    """Open two domains by name, building or preparing them where absent.

    - `house/outline_color`: the outlines of emoji, and emoji in colour, 64x64. `house/labels_color`: their
      label maps in fixed colours, and emoji in colour.
    - `cmp_facade`, `cityscapes`: label maps in the colours of their authors, and photographs, 256x256, from
      files placed by hand. Of all these the true translation of each picture is known.
    - `sbir_shoes`, `sbir_chairs`: photographs, and sketches by hand, 256x256, from files placed by hand.

    Args:
        name: of the domains.
        build: build what is not on disk; False makes that a DataError.

    Raises:
        UnknownNameError: for another name.
        DataError: if it is absent and `build` is False, a package is missing or of another version, or files
            placed by hand are not what they should be.
    """
    if name in HOUSE:
        return _open_house(name, build)
    if name in LABEL_SETS:
        return _open_labels(name, build)
    from kzoo.data.sketches import SKETCHES, open_sketches

    if name in SKETCHES:
        return open_sketches(name, build=build)
    raise UnknownNameError("pair of domains", name, DOMAINS)


def _open_house(name: str, build: bool) -> DomainSource:
    layers = open_layers(EMOJI_LAYERS, build=build, image_size_hint=SIDE)

    def read(split: str) -> DomainExamples:
        arrays = layers.arrays(split, image_size=(SIDE, SIDE))
        a, b = (drawn(arrays, domain, layers.classes) for domain in HOUSE[name])
        return DomainExamples(a, b, arrays.ids, paired=True)

    return DomainSource(
        name=name,
        domains=HOUSE[name],
        splits=layers.splits,
        fingerprint=layers.fingerprint,
        licence=layers.licence,
        source=layers.source,
        read=read,
        label_colors={one: LABEL_COLORS[one] for one in layers.classes} if "labels" in HOUSE[name] else {},
    )


def _open_labels(name: str, build: bool) -> DomainSource:
    labelled = open_label_set(name, build=build)

    def read(split: str) -> DomainExamples:
        found = labelled.examples(split)
        return DomainExamples(painted(found.labels, labelled.colors), found.images, found.ids, paired=True)

    return DomainSource(
        name=name,
        domains=("labels", "photo"),
        splits=labelled.splits,
        fingerprint=labelled.fingerprint,
        licence=labelled.licence,
        source=labelled.source,
        read=read,
        label_colors=labelled.colors,
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
    return painted(arrays.labels, {name: LABEL_COLORS[name] for name in classes})


def painted(labels: np.ndarray, colors: Mapping[str, Color]) -> np.ndarray:
    """Return label maps, uint8 (N, H, W), as pictures (N, H, W, 3); what counts for nothing is black."""
    import numpy as np

    table = np.full((256, 3), IGNORED_COLOR, np.uint8)
    table[: len(colors)] = list(colors.values())
    return table[labels]


def labels_from_colors(images: np.ndarray, colors: Mapping[str, Color]) -> np.ndarray:
    """Return the class whose colour is nearest at each pixel, uint8 (N, H, W), of images (N, H, W, 3).

    Black is 255, which counts for nothing, unless it is the colour of a class.
    """
    import numpy as np

    known = list(colors.values())
    palette = np.array(known if IGNORED_COLOR in known else [*known, IGNORED_COLOR], np.float32)
    table = np.array([*range(len(known)), *[IGNORED] * (len(palette) - len(known))], np.uint8)
    return np.stack(
        [table[((image[..., None, :] - palette) ** 2).sum(axis=-1).argmin(axis=-1)] for image in images]
    )
