"""Pictures of persons in pairs, with poses and parsings: what a network learns to swap clothes from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzoo.data.data_source import Split
from kzoo.data.packages import require_packages
from kzoo.data.tfds_source import prepare_placed
from kzoo.errors import DataError, UnknownNameError
from kzoo.files import cache_folder, sha256_of_file

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tensorflow_datasets as tfds

HOUSE_PEOPLE = "house/people"
DEEPFASHION = "deepfashion_inshop"
SIDE = 128
PEOPLE = (HOUSE_PEOPLE, f"{HOUSE_PEOPLE}:few", DEEPFASHION)


@dataclass(frozen=True)
class PersonArrays:
    """Pictures of one person each.

    Attributes:
        images: uint8 (N, H, W, 3).
        parts: uint8 (N, H, W), indices of PARTS.
        key_points: float32 (N, 18, 3), as pose.py has them.
    """

    images: np.ndarray
    parts: np.ndarray
    key_points: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.images.dtype != "uint8" or self.images.shape[3:] != (3,) or not count:
            raise DataError(
                f"expected one picture or more, uint8 (N, H, W, 3); received {self.images.dtype} "
                f"{self.images.shape}"
            )
        if self.parts.shape != self.images.shape[:3] or self.key_points.shape != (count, 18, 3):
            raise DataError(
                f"pictures {self.images.shape} need parts of their size and key-points ({count}, 18, 3); "
                f"received {self.parts.shape} and {self.key_points.shape}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def chosen(self, rows: np.ndarray) -> PersonArrays:
        """Return some of the pictures, by their numbers."""
        return PersonArrays(self.images[rows], self.parts[rows], self.key_points[rows])


@dataclass(frozen=True)
class PersonPairs:
    """A split in memory.

    Attributes:
        condition: persons whose clothes are taken.
        reference: as many persons whose pose and head are taken.
        target: uint8 (N, H, W, 3), the true pictures of the reference's person and pose in the condition's
            clothes, or None where nobody knows them.
        ids: str (N,).
        same: both pictures of a pair show one person in the same clothes: a network may learn from them.
    """

    condition: PersonArrays
    reference: PersonArrays
    target: np.ndarray | None
    ids: np.ndarray
    same: bool

    def __post_init__(self) -> None:
        sizes = {self.condition.images.shape, self.reference.images.shape}
        if self.target is not None:
            sizes.add(self.target.shape)
        if len(sizes) != 1 or len(self.ids) != len(self.condition):
            raise DataError(
                f"expected as many pictures of one size on both sides, and ids; received {sorted(sizes)} and "
                f"{len(self.ids)} ids"
            )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.condition.images.shape[1:3]

    def crossed(self, conditions: np.ndarray, references: np.ndarray) -> PersonPairs:
        """Pair other conditions and references: section 8.2.4 takes 25 random ones for each reference.

        Args:
            conditions, references: int (M,), numbers of pairs.

        Returns:
            M pairs whose true picture is not known.
        """
        import numpy as np

        names = zip(self.ids[conditions], self.ids[references], strict=True)
        return PersonPairs(
            condition=self.condition.chosen(conditions),
            reference=self.reference.chosen(references),
            target=None,
            ids=np.array([f"{one}+{other}" for one, other in names]),
            same=False,
        )


@dataclass(frozen=True)
class PersonSource:
    """Pairs of persons in fixed splits and in a fixed order.

    Attributes:
        name: as the user gave it.
        splits: "train", "validation" where there is one, and "test".
        fingerprint: SHA-256 that changes whenever the examples do.
        licence, source: one line each, for cards.
        true_swaps: the true picture is known of every pair.
        builder: prepared.
        classes: none; a name that all sources have.
    """

    name: str
    splits: Mapping[str, Split]
    fingerprint: str
    licence: str
    source: str
    true_swaps: bool
    builder: tfds.core.DatasetBuilder = field(repr=False)
    classes: tuple[str, ...] = ()

    def pairs(self, split: str, *, image_size: tuple[int, int] = (SIDE, SIDE)) -> PersonPairs:
        """Return a split at a size: pictures scaled antialiased, parts by the nearest, key-points with them.

        Raises:
            UnknownNameError: if the source has no such split.
            DataError: if the records are broken or not as many as they should be.
        """
        import numpy as np
        import tensorflow as tf
        import tensorflow_datasets as tfds

        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        persons = ("condition", "reference", "target") if self.true_swaps else ("condition", "reference")

        def example(features: dict[str, Any]) -> dict[str, Any]:
            return {
                **{name: _resized(features[name], image_size) for name in persons},
                "id": features["id"],
            }

        config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
        records = self.builder.as_dataset(split=split, shuffle_files=False, read_config=config)
        place = f"split {split!r} of {self.name} cannot be read from {self.builder.data_dir}"
        try:
            batches = list(records.map(example).batch(64).as_numpy_iterator())
        except tf.errors.OpError as error:
            raise DataError(f"{place} (removed, it is built again): {error.message}") from error
        found, expected = sum(len(batch["id"]) for batch in batches), self.splits[split].examples
        if found != expected:
            raise DataError(f"{place}: {found} examples found, {expected} expected")
        arrays = {
            person: {
                name: np.concatenate([batch[person][name] for batch in batches])
                for name in ("images", "parts", "key_points")
            }
            for person in persons
        }
        return PersonPairs(
            condition=PersonArrays(**arrays["condition"]),
            reference=PersonArrays(**arrays["reference"]),
            target=arrays["target"]["images"] if self.true_swaps else None,
            ids=np.concatenate([batch["id"] for batch in batches]).astype(str),
            same=split == "train",
        )


def open_people(name: str = HOUSE_PEOPLE, *, build: bool = True) -> PersonSource:
    """Open pairs of persons, building them where absent.

    "house/people": rendered persons, with the true swap of every held-out pair; it is rendered once, in a
    few minutes. "house/people:few": 24 pairs to train and 8 to test of the same kind, in seconds.
    "deepfashion_inshop": 3,000 pairs of photographs to train and 1,372 to test, from files placed by hand.

    Args:
        name: of the set.
        build: build it where it is not on disk; False makes that a DataError.

    Raises:
        UnknownNameError: for another name.
        DataError: if it is not built and `build` is False, a package is missing or of another version, or
            the files placed by hand are not what they should be.
    """
    require_packages("data", "tensorflow_datasets", "filelock")
    from kzoo.data.people_scenes import SIZES

    if name == DEEPFASHION:
        return _open_deepfashion(build=build)
    if name not in SIZES:
        raise UnknownNameError("data set of persons", name, PEOPLE)
    from kzoo.data.builders.house_people import HousePeople, config_name
    from kzoo.data.people_body import LICENCE, SOURCE, load_body
    from kzoo.data.people_scenes import recipe_hash

    builder = HousePeople(config=config_name(name), data_dir=cache_folder("datasets"))
    prepare_placed(name, builder, build=build, check=load_body)
    return PersonSource(
        name=name,
        splits={split: Split(split, size.pairs) for split, size in SIZES[name].items()},
        fingerprint=recipe_hash(name),
        licence=LICENCE,
        source=SOURCE,
        true_swaps=True,
        builder=builder,
    )


def _open_deepfashion(*, build: bool) -> PersonSource:
    from kzoo.data.builders.deepfashion_inshop import FOLDER, HOMEPAGE, LICENCE, DeepfashionInshop
    from kzoo.data.builders.manual_images import checked_folder
    from kzoo.data.tfds_source import manual_folder

    builder = DeepfashionInshop(data_dir=cache_folder("datasets"))
    placed, expected = manual_folder(builder) / FOLDER, builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    prepare_placed(DEEPFASHION, builder, build=build, check=lambda: checked_folder(placed, expected))
    digest = hashlib.sha256()
    for records in sorted(Path(builder.data_dir).glob("*.tfrecord*")):
        digest.update(bytes.fromhex(sha256_of_file(records)))
    return PersonSource(
        name=DEEPFASHION,
        splits={split: Split(split, builder.info.splits[split].num_examples) for split in ("train", "test")},
        fingerprint=digest.hexdigest(),
        licence=LICENCE,
        source=f"DeepFashion In-shop Clothes Retrieval Benchmark, {HOMEPAGE}",
        true_swaps=False,
        builder=builder,
    )


def _resized(features: dict[str, tf.Tensor], size: tuple[int, int]) -> dict[str, tf.Tensor]:
    """Scale the picture of one person: see `PersonSource.pairs`."""
    import tensorflow as tf

    from kzoo.data.images import resize_image

    factor = tf.cast(tf.constant(size[::-1]) / tf.shape(features["image"])[1::-1], tf.float32)
    points = features["key_points"]
    place = (points[:, :2] + 0.5) * factor - 0.5
    return {
        "images": resize_image(features["image"], size),
        "parts": tf.image.resize(features["parts"], size, method="nearest")[..., 0],
        "key_points": tf.concat([place, points[:, 2:]], axis=1),
    }
