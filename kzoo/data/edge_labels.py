"""What an edge detector learns of a picture: agreed edges, and relaxed labels of its five side outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kzoo.boundary_files import read_soft_map
from kzoo.data.edge_examples import AGREEMENT, EdgePicture
from kzoo.data.relaxed_labels import dilated, relaxed_by_canny, relaxed_by_soft_map
from kzoo.data.structured_edges import StructuredEdges
from kzoo.errors import DataError, UnknownNameError, UsageError

SIDES = 5
KINDS = ("canny", "se", "soft")
NEEDS = {"se": "se_model", "soft": "soft_maps"}

Relaxer = Callable[[EdgePicture, npt.NDArray[np.uint8], npt.NDArray[np.bool_]], npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Labelling:
    """How labels are made of annotations.

    Attributes:
        relax: None for the annotated edges on every side; "canny" for Canny's at five scales beside them;
            "se" for structured edges, "soft" for the maps of any other detector, both at five thresholds.
        se_model: the structured forest, for "se".
        soft_maps: the folder of maps, for "soft".
        agreement: annotators that must have marked an edge, all of them where there are fewer.
        dilation: pixels by which edges are grown to each side.
        size: (height, width) that pictures are scaled to; None where all have one size.
    """

    relax: str | None = None
    se_model: str | None = None
    soft_maps: str | None = None
    agreement: int = AGREEMENT
    dilation: int = 1
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.relax is not None and self.relax not in KINDS:
            raise UnknownNameError("loss_options.relax", str(self.relax), KINDS)
        for kind, option in NEEDS.items():
            if (getattr(self, option) is not None) != (self.relax == kind):
                raise UsageError(
                    f"relax: {kind} and {option}, a path, go together (--set loss_options.{option}=PATH); "
                    f"received relax {self.relax!r} and {option} {getattr(self, option)!r}"
                )
        if self.agreement < 1 or self.dilation < 0:
            raise UsageError(
                f"agreement is 1 or more annotators and dilation 0 or more pixels; received {self.agreement} "
                f"and {self.dilation}"
            )

    @classmethod
    def of(cls, options: Mapping[str, Any], size: tuple[int, int] | None = None) -> Labelling:
        """Take what loss options say of it.

        Raises:
            UnknownNameError, UsageError: for an unknown relaxation, a missing path, a number out of range.
        """
        names = ("relax", "se_model", "soft_maps", "agreement", "dilation")
        return cls(size=size, **{name: options[name] for name in names if name in options})

    def fingerprint(self) -> str:
        """Return a SHA-256 of all that the labels depend on besides the pictures, files too.

        Raises:
            DataError: if the forest or the folder of maps is not there.
        """
        digest = hashlib.sha256(repr((self.relax, self.agreement, self.dilation, self.size)).encode())
        for file in self._files():
            digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()

    def _files(self) -> list[Path]:
        if self.relax == "soft":
            folder = Path(str(self.soft_maps)).expanduser()
            if not folder.is_dir():
                raise DataError(f"there is no folder {folder}; expected a soft edge map NAME.png an image")
            return sorted(one for one in folder.iterdir() if one.is_file())
        if self.relax == "se":
            self._relaxer  # noqa: B018  opening the forest says what is wrong with it
            return [Path(str(self.se_model)).expanduser()]
        return []

    @cached_property
    def _relaxer(self) -> Relaxer:
        if self.relax == "canny":
            return lambda _, image, truth: relaxed_by_canny(image, truth)
        if self.relax == "se":
            detect = StructuredEdges(Path(str(self.se_model)).expanduser())
            return lambda _, image, truth: relaxed_by_soft_map(detect(image), truth)
        if self.relax == "soft":
            folder = Path(str(self.soft_maps)).expanduser()

            def by_file(picture: EdgePicture, _: Any, truth: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
                soft = read_soft_map(folder, picture.name, picture.annotations.shape[1:])
                return relaxed_by_soft_map(_scaled_map(soft, truth.shape), truth)

            return by_file
        return lambda _, image, truth: np.repeat(truth[None].astype(np.uint8), SIDES, axis=0)

    def apply(self, picture: EdgePicture) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return the picture and its labels at the size of training.

        Returns:
            image uint8 (h, w, 3); labels uint8 (6, h, w): the agreed edges, dilated, 1, others 0; then of
            each side 1 on edges, 0 beside them, 2 where it is ignored.

        Raises:
            DataError: if annotations, image and soft map differ in size, or a soft map is none.
        """
        size, drawn = picture.image.shape[:2], picture.annotations.shape[1:]
        if drawn != size:
            raise DataError(f"{picture.name} is {size}, its edges are {drawn}; expected one size")
        image = _scaled_image(picture.image, self.size)
        edges = moved(picture.agreed(self.agreement), image.shape[:2])
        truth = dilated(edges, self.dilation)
        sides = self._relaxer(picture, image, truth)
        return image, np.concatenate([truth[None].astype(np.uint8), sides])


def moved(edges: npt.NDArray[np.bool_], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return edges (H, W) at another size: each pixel in the place that its centre falls in, (h, w).

    No edge is lost by scaling down; what gapes after scaling up by less than two, dilation closes.
    """
    if edges.shape == tuple(size):
        return edges
    found = np.zeros(size, np.bool_)
    rows, columns = np.nonzero(edges)
    found[_places(rows, edges.shape[0], size[0]), _places(columns, edges.shape[1], size[1])] = True
    return found


def _places(places: npt.NDArray[np.int64], before: int, after: int) -> npt.NDArray[np.int64]:
    return np.asarray(((places + 0.5) * after / before).astype(np.int64))


def _scaled_image(image: npt.NDArray[np.uint8], size: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    if size is None:
        return image
    from kzoo.data.images import resize_image

    return np.asarray(resize_image(image, size))


def _scaled_map(soft: npt.NDArray[np.float32], size: tuple[int, ...]) -> npt.NDArray[np.float32]:
    if soft.shape == tuple(size):
        return soft
    import tensorflow as tf

    scaled = tf.image.resize(soft[..., None], size, method="bilinear", antialias=True)
    return np.clip(np.asarray(scaled)[..., 0], 0, 1)
