"""Pictures with a label map and an outline each: for segmentation, edges and image-to-image translation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kzoo.data.builders.emoji_manifest import SPLITS, load_manifest
from kzoo.data.data_source import Split
from kzoo.data.packages import require_packages
from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.files import cache_folder

if TYPE_CHECKING:
    import numpy as np
    import tensorflow_datasets as tfds

EMOJI_LAYERS = "house/emoji_layers"


@dataclass(frozen=True)
class LayerArrays:
    """A split in memory.

    Attributes:
        color: uint8 (N, H, W, 3).
        labels: uint8 (N, H, W), indices of the source's classes.
        outline: uint8 (N, H, W), 0 to 255: how much of a line a pixel is.
        ids: str (N,).
    """

    color: np.ndarray
    labels: np.ndarray
    outline: np.ndarray
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.color)


@dataclass(frozen=True)
class LayerSource:
    """Drawings by layer, in fixed splits and in a fixed order.

    Attributes:
        name: as the user gave it.
        classes: of the label map.
        splits: "train", "validation" and "test".
        fingerprint: SHA-256 that changes whenever the examples do.
        licence, source: one line each, for cards.
        builder: prepared.
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str
    builder: tfds.core.DatasetBuilder = field(repr=False)

    def arrays(self, split: str, *, image_size: tuple[int, int]) -> LayerArrays:
        """Return a split at a size; pictures and outlines are scaled antialiased, labels by the nearest.

        Raises:
            UnknownNameError: if the source has no such split.
            DataError: if the records are broken or not as many as they should be.
        """
        import tensorflow as tf

        from kzoo.data.images import resize_image
        from kzoo.data.tfds_source import read_whole

        def example(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return {
                "color": resize_image(features["color"], image_size),
                "outline": resize_image(features["outline"], image_size)[..., 0],
                "labels": tf.image.resize(features["labels"], image_size, method="nearest")[..., 0],
                "ids": features["code"],
            }

        whole = read_whole(self.builder, self.name, self.splits, split, example)
        return LayerArrays(**{**whole, "ids": whole["ids"].astype(str)})


def open_layers(
    name: str = EMOJI_LAYERS, *, build: bool = True, image_size_hint: int | None = None
) -> LayerSource:
    """Open drawings by layer, building them where absent.

    They are kept at 64, 128 and 256 px; what is read is the smallest of these that is no smaller than the
    hint, so that drawings are scaled up only beyond 256 px.

    Args:
        name: "house/emoji_layers".
        build: build it where it is not on disk; False makes that a DataError.
        image_size_hint: pixels a side that it will be read at; 64 if left out.

    Raises:
        UnknownNameError: for another name.
        UsageError: if `image_size_hint` is below 1.
        DataError: if it is not built and `build` is False, or a package is missing or of another version.
    """
    if name != EMOJI_LAYERS:
        raise UnknownNameError("data set of layers", name, (EMOJI_LAYERS,))
    if image_size_hint is not None and image_size_hint < 1:
        raise UsageError(f"image_size_hint is {image_size_hint}; expected pixels, at least 1")
    require_packages("data", "tensorflow_datasets", "filelock")
    from kzoo.data.builders.house_emoji import LICENCE, SOURCE
    from kzoo.data.builders.house_emoji_layers import CLASSES, IMAGE_SIZES, HouseEmojiLayers
    from kzoo.data.tfds_source import is_prepared, prepare

    wanted = image_size_hint or IMAGE_SIZES[0]
    size = next((size for size in IMAGE_SIZES if size >= wanted), IMAGE_SIZES[-1])
    builder = HouseEmojiLayers(config=f"{size}px", data_dir=cache_folder("datasets"))
    if not build and not is_prepared(builder):
        raise DataError(
            f"{name} at {size} px is not built in {builder.data_dir}; open it with build=True to build it"
        )
    prepare(builder)
    manifest = load_manifest()
    return LayerSource(
        name=name,
        classes=CLASSES,
        splits={split: Split(split, len(manifest.of_split(split))) for split in SPLITS},
        fingerprint=manifest.sha256,
        licence=LICENCE,
        source=SOURCE,
        builder=builder,
    )
