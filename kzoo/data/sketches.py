"""Photographs and sketches of shoes or chairs (SBIR), as two domains; placed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kzoo.data.data_source import Split
from kzoo.data.domains import DomainExamples, DomainSource
from kzoo.data.packages import require_packages
from kzoo.errors import DataError
from kzoo.files import cache_folder

if TYPE_CHECKING:
    import tensorflow as tf

SIDE = 256
SKETCHES = {"sbir_shoes": "shoes", "sbir_chairs": "chairs"}


def open_sketches(name: str, *, build: bool = True) -> DomainSource:
    """Open photographs (A) and sketches (B), preparing them from the files placed by hand.

    Args:
        name: one of `SKETCHES`.
        build: prepare what is not on disk; False makes that a DataError.

    Raises:
        DataError: if it is not prepared and `build` is False, or the files are not what they should be.
    """
    require_packages("data", "tensorflow_datasets", "filelock")
    from kzoo.data.builders.manual_images import checked_folder
    from kzoo.data.builders.sbir import FOLDER, HOMEPAGE, LICENCE, Sbir
    from kzoo.data.tfds_source import fingerprint_of_files, manual_folder, prepare_placed, read_whole

    builder = Sbir(config=SKETCHES[name], data_dir=cache_folder("datasets"))
    placed, expected = manual_folder(builder) / FOLDER, builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    prepare_placed(name, builder, build=build, check=lambda: checked_folder(placed, expected))
    splits = {split: Split(split, builder.info.splits[split].num_examples) for split in ("train", "test")}

    def example(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        from kzoo.data.images import resize_image

        image = resize_image(features["image"], (SIDE, SIDE))
        return {"images": image, "domains": features["domain"], "ids": features["name"]}

    def read(split: str) -> DomainExamples:
        found = read_whole(builder, name, splits, split, example)
        a, b = (found["domains"] == number for number in (0, 1))
        if not a.any() or not b.any():
            raise DataError(f"split {split!r} of {name} has {a.sum()} photographs and {b.sum()} sketches")
        larger = a if a.sum() >= b.sum() else b
        return DomainExamples(found["images"][a], found["images"][b], found["ids"][larger].astype(str))

    return DomainSource(
        name=name,
        domains=("photo", "sketch"),
        splits=splits,
        fingerprint=fingerprint_of_files(builder),
        licence=LICENCE,
        source=f"SBIR, {HOMEPAGE}",
        read=read,
    )
