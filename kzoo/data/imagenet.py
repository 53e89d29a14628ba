"""ImageNet 2012: TFDS's builder over archives downloaded by hand, read by index from the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kzoo.data.data_source import DataSource, Split
from kzoo.data.packages import require_packages
from kzoo.data.tfds_source import is_prepared, manual_folder, prepare
from kzoo.errors import DataError, UnknownNameError
from kzoo.files import cache_folder

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_datasets as tfds

    from kzoo.data.record_examples import RecordExamples, Records

IMAGENET = "imagenet2012"
ARCHIVES = {"train": "ILSVRC2012_img_train.tar", "validation": "ILSVRC2012_img_val.tar"}


@dataclass(frozen=True)
class RecordSource(DataSource):
    """A source too large for memory, whose examples can be read by index.

    Attributes:
        folder: where the records lie.
        id_feature: which of the builder's features is the id.
        records_of: gives random access to the undecoded examples of a split.
    """

    folder: str
    id_feature: str
    records_of: Callable[[str], Records] = field(repr=False)

    def examples(self, split: str, *, image_size: tuple[int, int]) -> RecordExamples:
        """Return a split of which examples are read when they are needed, resized to `image_size`.

        Raises:
            UnknownNameError: if the source has no such split.
        """
        from kzoo.data.record_examples import RecordExamples

        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        name = f"split {split!r} of {self.name}"
        return RecordExamples(self.records_of(split), image_size, self.id_feature, name)

    def _place(self, image_size: tuple[int, int] | None) -> str:
        return f"{self.folder} (removed, it is built again)"

    def _examples(self, split: str, image_size: tuple[int, int] | None) -> tf.data.Dataset:
        from kzoo.data.record_examples import read_in_order

        return read_in_order(self.records_of(split), self.id_feature, image_size)


def open_imagenet(*, build: bool = True) -> RecordSource:
    """Open ImageNet 2012, preparing it from its two archives where that has not been done.

    The archives can be had only with an account, so that nothing is downloaded: ILSVRC2012_img_train.tar
    (138 GiB) and ILSVRC2012_img_val.tar (6 GiB) are placed by hand. What is written takes as much again.

    Raises:
        DataError: if it is not prepared and an archive is missing or broken, or `build` is False; the message
            says which file is to be placed where.
    """
    require_packages("data", "tensorflow_datasets", "filelock", "array_record")
    import tensorflow_datasets as tfds

    builder = tfds.builder(IMAGENET, data_dir=cache_folder("datasets"), file_format="array_record")
    if not is_prepared(builder):
        _prepare(builder, build=build)
    splits = {name: Split(name, builder.info.splits[name].num_examples) for name in ARCHIVES}
    files = Path(builder.data_dir).glob(f"{IMAGENET}-*.array_record*")
    sizes = sorted((file.name, file.stat().st_size) for file in files)

    def records_of(split: str) -> Records:
        return builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})

    return RecordSource(
        name=IMAGENET,
        classes=tuple(builder.info.features["label"].names),
        splits=splits,
        fingerprint=hashlib.sha256(repr((builder.info.full_name, sizes)).encode()).hexdigest(),
        licence="research only, by the terms of image-net.org",
        source=f"TFDS {builder.info.full_name}, {builder.info.homepage}",
        folder=str(builder.data_dir),
        id_feature="file_name",
        records_of=records_of,
    )


def _prepare(builder: tfds.core.DatasetBuilder, *, build: bool) -> None:
    folder = manual_folder(builder)
    missing = [name for name in ARCHIVES.values() if not (folder / name).is_file()]
    if missing or not build:
        what = f"{' and '.join(missing)} to be placed in {folder}" if missing else "build=True"
        raise DataError(
            f"{IMAGENET} is not prepared in {Path(builder.data_dir)}; that needs {what} "
            "(image-net.org/download-images gives the archives to those with an account)"
        )
    try:
        prepare(builder)
    except Exception as error:
        raise DataError(f"{IMAGENET} cannot be prepared from the archives in {folder}: {error}") from error
