"""Sources that are TFDS builders: the house emoji set, and TFDS's own cifar10 and cifar100."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kzoo.data.builders.emoji_manifest import SPLITS, load_manifest
from kzoo.data.data_source import DataSource, Split
from kzoo.errors import DataError
from kzoo.files import cache_folder

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_datasets as tfds

DEFAULT_EMOJI_SIZE = 32


@dataclass(frozen=True)
class TfdsSource(DataSource):
    """A source that reads TFRecords written by a TFDS builder.

    Attributes:
        label_feature, id_feature: which of the builder's features are the label and the id.
        builder_for: gives the prepared builder to read for images of a size (None: the native one).
    """

    label_feature: str
    id_feature: str
    builder_for: Callable[[tuple[int, int] | None], tfds.core.DatasetBuilder] = field(repr=False)

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

        in_order = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
        records = self.builder_for(image_size).as_dataset(
            split=split, shuffle_files=False, read_config=in_order
        )
        return records.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def open_emoji(name: str, *, build: bool, image_size_hint: int | None) -> TfdsSource:
    """Open the emoji set with its 8 categories, or 96 subcategories, as classes; build it where absent.

    The drawings are rendered at 32, 64, 128 or 256 px: the smallest that is no smaller than what is asked.

    Raises:
        DataError: if it is not built and `build` is False, or one of its packages is missing or another.
    """
    manifest = load_manifest()
    by_subcategory = name.endswith(":subcategories")
    native = (image_size_hint, image_size_hint) if image_size_hint else None

    def builder_for(image_size: tuple[int, int] | None) -> tfds.core.DatasetBuilder:
        return emoji_builder(max(image_size or native or (DEFAULT_EMOJI_SIZE,)), build=build)

    builder_for(native)
    from kzoo.data.builders.house_emoji import LICENCE, SOURCE

    return TfdsSource(
        name=name,
        classes=manifest.subcategories if by_subcategory else manifest.categories,
        splits={split: Split(split, len(manifest.of_split(split))) for split in SPLITS},
        fingerprint=manifest.sha256,
        licence=LICENCE,
        source=SOURCE,
        label_feature="subcategory" if by_subcategory else "category",
        id_feature="code",
        builder_for=builder_for,
    )


def emoji_builder(pixels: int, *, build: bool) -> tfds.core.DatasetBuilder:
    """Return the prepared emoji builder for images of `pixels` a side, in the cache folder."""
    from kzoo.data.builders.house_emoji import IMAGE_SIZES, HouseEmoji

    size = next((size for size in IMAGE_SIZES if size >= pixels), IMAGE_SIZES[-1])
    builder = HouseEmoji(config=f"{size}px", data_dir=cache_folder("datasets"))
    if not build and not builder.is_prepared():
        raise DataError(
            f"house/emoji at {size} px is not built in {builder.data_dir}; open it with build=True "
            "to build it there"
        )
    prepare(builder)
    return builder


def open_cifar(name: str, *, build: bool) -> TfdsSource:
    """Open TFDS's cifar10 or cifar100; download it into the cache folder where it is nowhere on disk.

    Raises:
        DataError: if it is not on disk and cannot be downloaded (or `build` is False); the message says how
            to place the archive by hand.
    """
    import tensorflow_datasets as tfds

    cached = tfds.builder(name, data_dir=cache_folder("datasets"), try_gcs=False)
    builder = next((one for one in (cached, tfds.builder(name, try_gcs=False)) if one.is_prepared()), cached)
    if not builder.is_prepared():
        _download(builder, build=build)
    checksums = sorted((url, info.checksum, info.size) for url, info in builder.url_infos.items())
    return TfdsSource(
        name=name,
        classes=tuple(builder.info.features["label"].names),
        splits={
            split: Split(split, builder.info.splits[split].num_examples)
            for split in SPLITS
            if split in builder.info.splits
        },
        fingerprint=hashlib.sha256(repr((builder.info.full_name, checksums)).encode()).hexdigest(),
        licence="none stated by its authors; cite Krizhevsky 2009",
        source=f"TFDS {builder.info.full_name}, {builder.info.homepage}",
        label_feature="label",
        id_feature="id",
        builder_for=lambda _: builder,
    )


def _download(builder: tfds.core.DatasetBuilder, *, build: bool) -> None:
    import tensorflow_datasets as tfds

    (url, archive), *_ = builder.url_infos.items()
    manual = Path(builder.data_dir_root) / "downloads" / "manual"
    by_hand = f"to place it by hand, download {url} (SHA-256 {archive.checksum}) into {manual}"
    if not build:
        raise DataError(f"{builder.name} is not in {builder.data_dir}; open it with build=True; {by_hand}")
    refused = (OSError, tfds.download.DownloadError, tfds.download.NonMatchingChecksumError)
    try:
        prepare(builder)
    except refused as error:
        raise DataError(
            f"{builder.name} is not in {builder.data_dir} and could not be had from {url}: {error}; {by_hand}"
        ) from error


def prepare(builder: tfds.core.DatasetBuilder) -> None:
    """Write the builder's TFRecords, unless they are there; one process builds, others wait for it.

    TFDS writes beside the target and renames, so a build that was killed leaves no half data set; what it
    left beside is removed here.
    """
    import tensorflow_datasets as tfds
    from filelock import FileLock

    if builder.is_prepared():
        return
    target = Path(builder.data_dir)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{target.name}.lock"):
        if builder.is_prepared():
            return
        for left_by_killed_build in target.parent.glob(f"incomplete.*_{target.name}"):
            shutil.rmtree(left_by_killed_build)
        downloads = target.parents[1] if not builder.builder_config else target.parents[2]
        config = tfds.download.DownloadConfig(
            try_download_gcs=False, manual_dir=downloads / "downloads" / "manual"
        )
        with _tfds_output_to_stderr():
            builder.download_and_prepare(download_config=config)


@contextlib.contextmanager
def _tfds_output_to_stderr():
    """Keep TFDS's messages and bars off stdout, and silent where stderr is no terminal."""
    import tensorflow_datasets as tfds

    watched = sys.stderr.isatty()
    tfds.display_progress_bar(watched)
    try:
        with contextlib.redirect_stdout(sys.stderr if watched else io.StringIO()):
            yield
    finally:
        tfds.display_progress_bar(True)
