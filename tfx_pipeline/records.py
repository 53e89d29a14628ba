"""The examples in the files that a TFX component reads, whatever kind they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tfx_pipeline.examples import CLASS, ID, IMAGE, byte_values, strings


@dataclass(frozen=True)
class Records:
    """Gzipped TFRecord files of tf.train.Example, as `tfx_pipeline.spans` writes them.

    Attributes:
        files: of each split. Their order does not matter: examples come by their id.
        category: the class that examples must have to be there; None for all of them.
    """

    files: Mapping[str, Sequence[str]]
    category: str | None = None

    @classmethod
    def in_folders(cls, folders: Mapping[str, str]) -> Records:
        """Take all files in the folder of each split."""
        files = {split: [str(path) for path in sorted(Path(one).iterdir())] for split, one in folders.items()}
        return cls(files)

    def serialized(self, split: str) -> list[bytes]:
        """Return the serialized examples of a split, by their id."""
        import tensorflow as tf

        found = tf.data.TFRecordDataset(list(self.files[split]), "GZIP").as_numpy_iterator()
        keyed = ((features_of(record), record) for record in found)
        kept = [
            (byte_values(features, ID)[0], record)
            for features, record in keyed
            if self.category is None or self.category in strings(features, CLASS)
        ]
        return [record for _, record in sorted(kept)]

    def features(self, split: str) -> list[Any]:
        """Return the features of each example of a split, by its id."""
        return [features_of(record) for record in self.serialized(split)]

    def of_category(self, category: str) -> Records:
        """Return the examples of one class."""
        return replace(self, category=category)

    def categories(self, split: str) -> list[str]:
        """Return the names of the classes that a split's examples have, sorted."""
        return sorted({name for features in self.features(split) for name in strings(features, CLASS)})

    def images(self, split: str, count: int) -> list[bytes]:
        """Return the first `count` encoded images of a split."""
        found = chain.from_iterable(byte_values(features, IMAGE) for features in self.features(split))
        return list(islice(found, count))

    def texts(self, split: str, name: str, count: int) -> list[str]:
        """Return the first `count` strings of a feature of a split; [] where it has none."""
        found = chain.from_iterable(strings(features, name) for features in self.features(split))
        return list(islice(found, count))


def features_of(record: bytes) -> Any:
    """Return the features of a serialized tf.train.Example, by name."""
    import tensorflow as tf

    return tf.train.Example.FromString(record).features.feature
