"""Pictures with their annotated edges, in memory or read from disk one at a time."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kzoo.data.segment_edges import segment_edges
from kzoo.errors import DataError

if TYPE_CHECKING:
    from kzoo.data.layers import LayerArrays

HALF = 128
AGREEMENT = 3
BSDS_DISTANCE, DRAWING_DISTANCE = 0.0075, 0.02
VOC_IGNORED = 255


@dataclass(frozen=True)
class EdgePicture:
    """One picture.

    Attributes:
        name: of its own within its set.
        image: uint8 (H, W, 3).
        annotations: bool (A, H, W), the edges that each of the A annotators drew.
    """

    name: str
    image: npt.NDArray[np.uint8]
    annotations: npt.NDArray[np.bool_]

    def agreed(self, agreement: int = AGREEMENT) -> npt.NDArray[np.bool_]:
        """Return the pixels that so many annotators marked, all of them where there are fewer: bool (H, W).

        Source: thesis section 3.4.1, three; HED (Xie and Tu 2015).
        """
        votes = self.annotations.sum(axis=0)
        return np.asarray(votes >= min(agreement, len(self.annotations)))


class Pictures(ABC):
    """Pictures by number, in a fixed order."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, row: int) -> EdgePicture: ...

    def __iter__(self) -> Iterator[EdgePicture]:
        return (self[row] for row in range(len(self)))


@dataclass(frozen=True)
class PictureList(Pictures):
    """Pictures in memory."""

    pictures: Sequence[EdgePicture] = field(repr=False)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> EdgePicture:
        return self.pictures[row]


@dataclass(frozen=True)
class ReadPictures(Pictures):
    """Pictures that a function reads when they are asked for."""

    count: int
    read: Callable[[int], EdgePicture] = field(repr=False)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> EdgePicture:
        if not 0 <= row < self.count:
            raise IndexError(row)
        return self.read(row)


@dataclass(frozen=True)
class Names:
    """The names of pictures by index, read when they are asked for."""

    pictures: Pictures

    def __getitem__(self, rows: Any) -> list[str]:
        return [self.pictures[int(row)].name for row in rows]


@dataclass(frozen=True)
class EdgeExamples:
    """A split.

    Attributes:
        pictures: one or more.
        max_distance: between matched pixels when it is measured, as a share of the diagonal.
        thick: annotated lines are several pixels wide, and are thinned before they are measured.
        key: tells the split from any other; by it what is computed of its pictures is kept.
    """

    pictures: Pictures
    max_distance: float
    thick: bool
    key: str

    @classmethod
    def of(cls, arrays: LayerArrays) -> EdgeExamples:
        """Take drawings and the lines of their outlines, where they are half opaque or more.

        On drawings of 64x64 matched pixels may lie 0.02 of the diagonal apart, 1.8 pixels, while 0.0075 as on
        BSDS500 would be less than one.

        Raises:
            DataError: if there is none, or outlines and pictures differ in size.
        """
        if not len(arrays) or arrays.outline.shape != arrays.color.shape[:3]:
            raise DataError(
                f"expected one picture or more with an outline of its size; received pictures "
                f"{arrays.color.shape} and outlines {arrays.outline.shape}"
            )
        edges = arrays.outline >= HALF
        rows = zip(arrays.ids, arrays.color, edges, strict=True)
        pictures = [EdgePicture(str(name), image, edge[None]) for name, image, edge in rows]
        return cls(PictureList(pictures), DRAWING_DISTANCE, True, content_key(pictures))

    def __len__(self) -> int:
        return len(self.pictures)

    @cached_property
    def ids(self) -> Names:
        """Names by index."""
        return Names(self.pictures)


def content_key(pictures: Sequence[EdgePicture]) -> str:
    """Return a SHA-256 over names, pixels and edges."""
    digest = hashlib.sha256()
    for one in pictures:
        digest.update(repr((one.name, one.image.shape, one.annotations.shape)).encode())
        digest.update(one.image.tobytes())
        digest.update(np.packbits(one.annotations).tobytes())
    return digest.hexdigest()


def joined(parts: Sequence[Pictures]) -> Pictures:
    """Return pictures of several sets as one, in their order."""
    places = [(part, row) for part in parts for row in range(len(part))]

    def read(number: int) -> EdgePicture:
        part, row = places[number]
        return part[row]

    return ReadPictures(len(places), read)


def picture_of_segments(
    name: str, image: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], ignored: int | None = None
) -> EdgePicture:
    """Return a picture whose edges lie between the segments of a label map (thesis section 3.3).

    Raises:
        DataError: if the two differ in size, or as `segment_edges`.
    """
    if labels.shape != image.shape[:2]:
        raise DataError(f"the label map of {name} is {labels.shape}; expected its image's {image.shape[:2]}")
    return EdgePicture(name, image, segment_edges(labels, ignored)[None])
