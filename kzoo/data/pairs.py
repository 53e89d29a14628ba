"""Image-text data as pairs of features: what matching systems train on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzoo.data.data_source import Split
from kzoo.data.encoders import Encoder
from kzoo.data.encoding import Encoding, encode_missing, encoding_of
from kzoo.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np

IMAGE_ENCODER, TEXT_ENCODER = "efficientnet_lite0", "minilm"


@dataclass(frozen=True)
class PairSource:
    """Features of images and of their captions, in fixed splits and in a fixed order.

    Attributes:
        encoding: what made the features, and where they lie.
    """

    encoding: Encoding

    @property
    def name(self) -> str:
        """As the user gave it."""
        return self.encoding.source.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; () without labels."""
        return self.encoding.source.classes

    @property
    def splits(self) -> Mapping[str, Split]:
        """By name; an example is a caption with its image."""
        return self.encoding.source.splits

    @property
    def fingerprint(self) -> str:
        """SHA-256 that changes whenever the examples or the encoders do, in hexadecimal."""
        import hashlib

        encoders = self.image_encoder.sha256 + self.text_encoder.sha256
        return hashlib.sha256((self.encoding.source.fingerprint + encoders).encode()).hexdigest()

    @property
    def licence(self) -> str:
        """Of the images and captions."""
        return self.encoding.source.licence

    @property
    def source(self) -> str:
        """Where they come from."""
        return self.encoding.source.source

    @property
    def image_encoder(self) -> Encoder:
        """What made the features of the images."""
        return self.encoding.image_encoder

    @property
    def text_encoder(self) -> Encoder:
        """What made the features of the captions."""
        return self.encoding.text_encoder

    def arrays(self, split: str) -> dict[str, np.ndarray]:
        """Return a split in memory.

        Returns:
            image float32 (N, K); text float32 (M, L); image_index int64 (M,), the image of each caption,
            those of an image one after the other; label, where there are classes, int64 (N,), or
            in multi-label data float32 (N, C) of 0 and 1; image_id str (N,); caption str (M,).

        Raises:
            UnknownNameError: if the source has no such split.
            DataError: if a file is missing or broken, features have another dimension than the encoder, are
                not finite, or are not as many as the captions.
        """
        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)
        encoding = self.encoding
        files = [encoding.folder / shard.file for shard in encoding.shards() if shard.split == split]
        rows = [row for file in files for row in _read(file, encoding)]
        found = joined(rows, len(self.classes), multi_label=encoding.source.multi_label)
        expected = self.splits[split].examples
        if len(found["caption"]) != expected:
            raise DataError(
                f"{encoding.folder}: split {split!r} has {len(found['caption'])} captions, not {expected}"
            )
        return found


def open_pairs(
    name: str,
    *,
    image_encoder: str = IMAGE_ENCODER,
    text_encoder: str = TEXT_ENCODER,
    folder: Path | None = None,
    quiet: bool = False,
) -> PairSource:
    """Open captioned images as pairs of features, which are made where they are not there yet.

    Args:
        name: a captioned data set.
        image_encoder, text_encoder: names of encoders.
        folder: of the features; by default in the cache.
        quiet: no progress bar.

    Raises:
        UnknownNameError: for an unknown data set or encoder.
        DataError: if the data or the encoders' weights cannot be had, or `folder` holds other features.
    """
    encoding = encoding_of(name, image_encoder, text_encoder, folder)
    encode_missing(encoding, quiet=quiet)
    return PairSource(encoding)


def _read(file: Path, encoding: Encoding) -> list[dict[str, Any]]:
    import numpy as np
    import tensorflow as tf

    rows = []
    try:
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            feature = tf.train.Example.FromString(record).features.feature
            captions = [one.decode("utf-8") for one in feature["captions"].bytes_list.value]
            image = np.array(feature["image_features"].float_list.value, np.float32)
            text = np.array(feature["text_features"].float_list.value, np.float32)
            (image_id,) = feature["image_id"].bytes_list.value
            _require(file, encoding, image_id.decode(), image, text, captions)
            rows.append(
                {
                    "image_id": image_id.decode(),
                    "captions": captions,
                    "label": list(feature["label"].int64_list.value),
                    "image": image,
                    "text": text.reshape(len(captions), -1),
                }
            )
    except (tf.errors.OpError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}; remove it to encode it again") from error
    return rows


def _require(
    file: Path, encoding: Encoding, image_id: str, image: np.ndarray, text: np.ndarray, captions: list[str]
) -> None:
    import numpy as np

    expected = (encoding.image_encoder.dimension, len(captions) * encoding.text_encoder.dimension)
    if (image.size, text.size) != expected or not captions:
        raise DataError(
            f"{file}: {image_id} has {image.size} image features, {text.size} text features and "
            f"{len(captions)} captions; expected {expected[0]} and, a caption, "
            f"{encoding.text_encoder.dimension}"
        )
    if not (np.isfinite(image).all() and np.isfinite(text).all()):
        raise DataError(f"{file}: the features of {image_id} are not finite")


def joined(rows: list[dict[str, Any]], classes: int, *, multi_label: bool) -> dict[str, np.ndarray]:
    """Return what `PairSource.arrays` does, of images in order.

    Args:
        rows: of each image image_id, captions, label (its classes' indices), image (K,) and text (its
            captions, L).
        classes: how many there are; 0 without labels.
        multi_label: whether an image may have any number of classes.
    """
    import numpy as np

    counts = [len(row["captions"]) for row in rows]
    found = {
        "image": np.stack([row["image"] for row in rows]),
        "text": np.concatenate([row["text"] for row in rows]),
        "image_index": np.repeat(np.arange(len(rows)), counts),
        "image_id": np.array([row["image_id"] for row in rows]),
        "caption": np.array([caption for row in rows for caption in row["captions"]]),
    }
    if multi_label:
        found["label"] = np.zeros((len(rows), classes), np.float32)
        for number, row in enumerate(rows):
            found["label"][number, row["label"]] = 1
    elif classes:
        found["label"] = np.array([row["label"][0] for row in rows], np.int64)
    return found
