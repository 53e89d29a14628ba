"""Sources that are TFDS builders, and the preparing of builders."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kzoo.data.data_source import DataSource, Split
from kzoo.data.packages import require_packages
from kzoo.errors import DataError, UnknownNameError
from kzoo.files import cache_folder

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tensorflow_datasets as tfds

CIFAR = ("cifar10", "cifar100")
_CONNECT_SECONDS = 15


@dataclass(frozen=True)
class TfdsSource(DataSource):
    """A source that reads the records written by a TFDS builder.

    Attributes:
        label_feature, id_feature: which of the builder's features are the label and the id.
        builder_for: gives the prepared builder to read for images of a size (None: the native one).
    """

    label_feature: str
    id_feature: str
    builder_for: Callable[[tuple[int, int] | None], tfds.core.DatasetBuilder] = field(repr=False)

    def _place(self, image_size: tuple[int, int] | None) -> str:
        return f"{self.builder_for(image_size).data_dir} (removed, it is built again)"

    def _examples(self, split: str, image_size: tuple[int, int] | None) -> tf.data.Dataset:
        import tensorflow as tf
        import tensorflow_datasets as tfds

        from kzoo.data.images import resize_image

        def example(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            image = features["image"]
            return {
                "image": image if image_size is None else resize_image(image, image_size),
                "label": tf.cast(features[self.label_feature], tf.int64),
                "id": features[self.id_feature],
            }

        records = self.builder_for(image_size).as_dataset(
            split=split,
            shuffle_files=False,
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )
        return records.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def open_cifar(name: str, *, build: bool = True) -> TfdsSource:
    """Open TFDS's cifar10 or cifar100, downloading it into the cache folder where it is nowhere on disk.

    Raises:
        DataError: if it is not on disk and cannot be downloaded, or `build` is False; the message says how
            to place the archive by hand.
    """
    require_packages("data", "tensorflow_datasets", "filelock")
    import tensorflow_datasets as tfds

    cached = tfds.builder(name, data_dir=cache_folder("datasets"), try_gcs=False)
    elsewhere = tfds.builder(name, try_gcs=False)
    builder = next((one for one in (cached, elsewhere) if is_prepared(one)), cached)
    if not is_prepared(builder):
        _download(builder, build=build)
    checksums = sorted((url, archive.checksum, archive.size) for url, archive in builder.url_infos.items())
    return TfdsSource(
        name=name,
        classes=tuple(builder.info.features["label"].names),
        splits={name: Split(name, split.num_examples) for name, split in builder.info.splits.items()},
        fingerprint=hashlib.sha256(repr((builder.info.full_name, checksums)).encode()).hexdigest(),
        licence="none stated by its authors; cite Krizhevsky 2009",
        source=f"TFDS {builder.info.full_name}, {builder.info.homepage}",
        label_feature="label",
        id_feature="id",
        builder_for=lambda _: builder,
    )


def _download(builder: tfds.core.DatasetBuilder, *, build: bool) -> None:
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    ((url, archive),) = builder.url_infos.items()
    placed = manual_folder(builder) / archive.filename
    absent = f"{builder.name} is not in {builder.data_dir}"
    by_hand = f"to place it by hand, download {url} (SHA-256 {archive.checksum}) to {placed}"
    if not build:
        raise DataError(f"{absent}; open it with build=True to prepare it; {by_hand}")
    try:
        if not placed.exists():
            _reach(url)
        prepare(builder)
    except (OSError, tfds.download.DownloadError, NonMatchingChecksumError) as error:
        tried = placed if placed.exists() else url
        raise DataError(f"{absent} and cannot be prepared from {tried}: {error}; {by_hand}") from error


def _reach(url: str) -> None:
    """Raise OSError at once if `url` does not answer: TFDS would try again for minutes."""
    import requests

    requests.head(url, timeout=_CONNECT_SECONDS, allow_redirects=True).raise_for_status()


def is_prepared(builder: tfds.core.DatasetBuilder) -> bool:
    """Tell whether the builder's records are on disk, without TFDS's warning where they are not."""
    return Path(builder.data_dir).is_dir() and builder.is_prepared()


def prepare(builder: tfds.core.DatasetBuilder) -> None:
    """Write the builder's records unless they are there; one process builds, others wait for it.

    TFDS writes beside the target and renames, so a build that was killed leaves no half data set; what it
    left beside is removed by the next one.

    Raises:
        DataError: if its files are to be placed by hand, and the folder for them is missing or empty.
    """
    import tensorflow_datasets as tfds
    from filelock import FileLock

    if is_prepared(builder):
        return
    target = Path(builder.data_dir)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{target.name}.lock"):
        if is_prepared(builder):
            return
        for left_by_killed_build in target.parent.glob(f"incomplete.*_{target.name}"):
            shutil.rmtree(left_by_killed_build)
        _require_manual_files(builder)
        config = tfds.download.DownloadConfig(try_download_gcs=False, manual_dir=manual_folder(builder))
        with _tfds_output_on_stderr():
            builder.download_and_prepare(download_config=config)


def _require_manual_files(builder: tfds.core.DatasetBuilder) -> None:
    """Say what to place where: TFDS's own error for an empty folder is an AssertionError."""
    instructions, manual = builder.MANUAL_DOWNLOAD_INSTRUCTIONS, manual_folder(builder)
    if instructions and not (manual.is_dir() and any(manual.iterdir())):
        raise DataError(f"there is nothing in {manual}; {instructions}")


def prepare_placed(
    name: str, builder: tfds.core.DatasetBuilder, *, build: bool, check: Callable[[], object] = lambda: None
) -> None:
    """Prepare a set where it is absent; `check` raises what is to be said before that takes its time.

    Raises:
        DataError: if it is absent and `build` is False.
    """
    if is_prepared(builder):
        return
    if not build:
        raise DataError(f"{name} is not built in {builder.data_dir}; open it with build=True to build it")
    check()
    prepare(builder)


def fingerprint_of_files(builder: tfds.core.DatasetBuilder) -> str:
    """Return a SHA-256 over the name of a prepared set and the names and sizes of its record files."""
    files = [*Path(builder.data_dir).glob("*.tfrecord*"), *Path(builder.data_dir).glob("*.array_record*")]
    sizes = sorted((file.name, file.stat().st_size) for file in files)
    return hashlib.sha256(repr((builder.info.full_name, sizes)).encode()).hexdigest()


def read_whole(
    builder: tfds.core.DatasetBuilder,
    name: str,
    splits: Mapping[str, Split],
    split: str,
    example: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]],
) -> dict[str, np.ndarray]:
    """Return what `example` makes of each record of a split, in order, stacked.

    Args:
        builder: prepared.
        name: of the set, for messages.
        splits: that there are, with the number of their examples.
        split: one of them.
        example: tensors of one record to tensors of one shape.

    Raises:
        UnknownNameError: if there is no such split.
        DataError: if the records are broken or not as many as they should be.
    """
    import numpy as np
    import tensorflow as tf
    import tensorflow_datasets as tfds

    if split not in splits:
        raise UnknownNameError(f"split of {name}", split, splits)
    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    records = builder.as_dataset(split=split, shuffle_files=False, read_config=config)
    place = f"split {split!r} of {name} cannot be read from {builder.data_dir}"
    try:
        batches = list(records.map(example, num_parallel_calls=2).batch(64).as_numpy_iterator())
    except tf.errors.OpError as error:
        raise DataError(f"{place} (removed, it is built again): {error.message}") from error
    found, expected = sum(len(next(iter(batch.values()))) for batch in batches), splits[split].examples
    if found != expected or not found:
        raise DataError(f"{place}: {found} examples found, {expected} expected")
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


def manual_folder(builder: tfds.core.DatasetBuilder) -> Path:
    """Return where archives that were downloaded by hand are looked for."""
    return Path(builder.data_dir_root) / "downloads" / "manual"


@contextlib.contextmanager
def _tfds_output_on_stderr() -> Iterator[None]:
    """Keep TFDS's messages and bars off stdout, and silent where stderr is no terminal."""
    import tensorflow_datasets as tfds

    watched = sys.stderr.isatty()
    tfds.display_progress_bar(watched)
    try:
        with contextlib.redirect_stdout(sys.stderr if watched else io.StringIO()):
            yield
    finally:
        tfds.display_progress_bar(True)
