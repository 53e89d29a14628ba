"""What every source of labelled images answers to, whatever lies behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kzoo.errors import DataError, UnknownNameError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf


@dataclass(frozen=True)
class Split:
    """A named part of a source and the number of examples in it."""

    name: str
    examples: int


class Source(Protocol):
    """What every source of data says of itself, whatever it holds; runs and cards record it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def classes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def splits(self) -> Mapping[str, Split]: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102
    @property
    def licence(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class DataSource(ABC):
    """A set of images, each with one class, in fixed splits and in a fixed order.

    Attributes:
        name: as the user gave it: "house/emoji", "cifar10", or a folder's path.
        classes: class names; a label is an index into them.
        splits: "train", "test" and, where the source has one, "validation".
        fingerprint: SHA-256 that changes whenever the examples do, in hexadecimal.
        licence, source: one line each, for cards.
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str

    def read(self, split: str, *, image_size: tuple[int, int] | None) -> tf.data.Dataset:
        """Return the examples of a split, one an element, in the same order every time.

        Args:
            split: a key of `splits`.
            image_size: (height, width) that images are resized to, antialiased; None keeps each as it is.

        Returns:
            A dataset of {"image": uint8 (H, W, 3), "label": int64 (), "id": string ()}; ids are unique
            within the source. The static shape of images is known where the source or `image_size` tells.

        Raises:
            UnknownNameError: if the source has no such split.
            UsageError: if `image_size` is not two positive whole numbers.
        """
        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        if image_size is not None and not _is_size(image_size):
            raise UsageError(
                f"image_size is {image_size!r}; expected (height, width), both at least 1, or None"
            )
        return self._examples(split, image_size)

    def arrays(self, split: str, *, image_size: tuple[int, int] | None) -> dict[str, np.ndarray]:
        """Return a split in memory: image uint8 (N, H, W, 3), label int64 (N,), id str (N,).

        Raises:
            DataError: if the files are broken or hold another number of examples than the split has, or if
                `image_size` is None and the images differ in size.
            UnknownNameError, UsageError: as `read` does.
        """
        import numpy as np
        import tensorflow as tf

        examples = self.read(split, image_size=image_size)
        one_size = examples.element_spec["image"].shape.is_fully_defined()
        try:
            batches = list(examples.batch(1024 if one_size else 1).as_numpy_iterator())
        except tf.errors.OpError as error:
            raise DataError(f"{self._unreadable(split, image_size)}: {error.message}") from error
        found, expected = sum(len(batch["label"]) for batch in batches), self.splits[split].examples
        if found != expected:
            raise DataError(
                f"{self._unreadable(split, image_size)}: {found} examples found, {expected} expected"
            )
        if not one_size:
            self._require_one_size(batches)
        return {
            "image": np.concatenate([batch["image"] for batch in batches]),
            "label": np.concatenate([batch["label"] for batch in batches]),
            "id": np.array([one.decode("utf-8") for batch in batches for one in batch["id"]]),
        }

    def _require_one_size(self, batches: list[dict[str, np.ndarray]]) -> None:
        first = batches[0]
        for batch in batches:
            if batch["image"].shape != first["image"].shape:
                raise DataError(
                    f"{self.name}: {batch['id'][0].decode()} is {batch['image'].shape[1:3]} pixels and "
                    f"{first['id'][0].decode()} is {first['image'].shape[1:3]}; pass image_size to make all "
                    "images one size"
                )

    def _unreadable(self, split: str, image_size: tuple[int, int] | None) -> str:
        return f"split {split!r} of {self.name} cannot be read from {self._place(image_size)}"

    @abstractmethod
    def _place(self, image_size: tuple[int, int] | None) -> str:
        """Name the folder that examples of a size are read from, and how it is mended."""

    @abstractmethod
    def _examples(self, split: str, image_size: tuple[int, int] | None) -> tf.data.Dataset:
        """Do what `read` says, for arguments that it has found good."""


def _is_size(image_size: object) -> bool:
    return (
        isinstance(image_size, tuple | list)
        and len(image_size) == 2
        and all(isinstance(side, int) and not isinstance(side, bool) and side >= 1 for side in image_size)
    )
