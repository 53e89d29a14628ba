"""Captioned images to TFRecords of features, shard by shard: what is written is whole and made once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kzoo.data.captions import CaptionedImage, CaptionedSource, open_captions
from kzoo.data.encoders import (
    FITTED,
    FITTED_FILE,
    Encoder,
    EncoderGraph,
    encoder_graph,
    family_of,
    find_encoder,
    fit_encoder,
    runs_in_graph,
)
from kzoo.errors import DataError
from kzoo.files import cache_folder, write_atomic

IMAGES_A_SHARD = 100
BATCH = 20
MANIFEST = "features.json"
FORMAT = 1


@dataclass(frozen=True)
class Shard:
    """A run of images of one split, and the file that their features go to."""

    split: str
    number: int
    of: int

    @property
    def file(self) -> str:
        """Its name, as "train-00000-of-00011.tfrecord"."""
        return f"{self.split}-{self.number:05d}-of-{self.of:05d}.tfrecord"


@dataclass(frozen=True)
class Encoding:
    """What is encoded by what, and where the features lie."""

    source: CaptionedSource
    image_encoder: Encoder
    text_encoder: Encoder
    folder: Path

    def shards(self) -> list[Shard]:
        """Return all shards of all splits."""
        found = []
        for split in self.source.splits:
            of = max(1, -(-len(self.source.images(split)) // IMAGES_A_SHARD))
            found += [Shard(split, number, of) for number in range(of)]
        return found

    def missing(self) -> list[Shard]:
        """Return the shards that are not there yet."""
        return [shard for shard in self.shards() if not (self.folder / shard.file).is_file()]

    def description(self) -> dict[str, Any]:
        """Return what the features are made of, as features.json holds it."""
        return {
            "format": FORMAT,
            "data": self.source.name,
            "fingerprint": self.source.fingerprint,
            "image_encoder": asdict(self.image_encoder),
            "text_encoder": asdict(self.text_encoder),
        }


def encoding_of(name: str, image_encoder: str, text_encoder: str, folder: Path | None = None) -> Encoding:
    """Return what encoding a captioned data set means; nothing is computed yet.

    Args:
        name: a captioned data set.
        image_encoder, text_encoder: names of encoders.
        folder: of the features; by default one in the cache whose name says what it holds.

    Raises:
        UnknownNameError: for an unknown data set or encoder.
        DataError: if `folder` holds features of other data or encoders.
    """
    image, text = find_encoder("image", image_encoder), find_encoder("text", text_encoder)
    source = open_captions(name)
    made_by = (f"{family_of(one)}-{one.sha256[:8]}" for one in (image, text))
    key = "-".join([source.fingerprint[:12], *made_by])
    place = folder or cache_folder("features") / f"{name.replace('/', '-').replace(':', '-')}-{key}"
    encoding = Encoding(source, image, text, place)
    _require_same(encoding)
    return encoding


def encode_shard(encoding: Encoding, shard: Shard, image: EncoderGraph, text: EncoderGraph) -> None:
    """Write the features of one shard, whole or not at all."""
    import tensorflow as tf

    images = encoding.source.images(shard.split)[shard.number * IMAGES_A_SHARD :][:IMAGES_A_SHARD]
    target = encoding.folder / shard.file
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with tf.io.TFRecordWriter(str(aside)) as writer:
            for example in _examples(images, image, text):
                writer.write(example.SerializeToString())
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def encode_missing(encoding: Encoding, *, quiet: bool = False) -> None:
    """Write the shards that are missing, in this process, with a progress bar."""
    from kzoo.data.progress import progress_bar

    missing = encoding.missing()
    prepare_folder(encoding)
    if not missing:
        return
    image, text = loaded_encoders(encoding)
    title = f"encoding {encoding.source.name}: {encoding.image_encoder.name}, {encoding.text_encoder.name}"
    for shard in missing if quiet else progress_bar(missing, title, total=len(missing)):
        encode_shard(encoding, shard, image, text)


def loaded_encoders(encoding: Encoding) -> tuple[EncoderGraph, EncoderGraph]:
    """Return both encoders with their weights, that of texts as `prepare_folder` fitted it.

    What TensorFlow computes is traced once: operation by operation it takes several times as long.
    """
    fitted = encoding.folder / FITTED_FILE
    image = _traced(encoding.image_encoder, encoder_graph(encoding.image_encoder))
    return image, _traced(encoding.text_encoder, encoder_graph(encoding.text_encoder, fitted))


def prepare_folder(encoding: Encoding) -> None:
    """Write features.json, and fit the encoder of texts if it is one to be fitted, where they are not there.

    Raises:
        DataError: if there is no training split to fit it on, or it is too small.
    """
    write_description(encoding)
    fitted = encoding.folder / FITTED_FILE
    if family_of(encoding.text_encoder) not in FITTED or fitted.is_file():
        return
    if "train" not in encoding.source.splits:
        raise DataError(
            f"{encoding.text_encoder.name} is fitted on the captions of a split 'train'; "
            f"{encoding.source.name} has {', '.join(encoding.source.splits)}"
        )
    captions = [caption for image in encoding.source.images("train") for caption in image.captions]
    fit_encoder(encoding.text_encoder, captions, fitted)


def write_description(encoding: Encoding) -> None:
    """Write features.json where there is none."""
    path = encoding.folder / MANIFEST
    if not path.is_file():
        write_atomic(path, json.dumps(encoding.description(), indent=2) + "\n")


def _traced(encoder: Encoder, graph: EncoderGraph) -> EncoderGraph:
    import tensorflow as tf

    if not runs_in_graph(encoder.name):
        return graph
    signature = [tf.TensorSpec((None,), tf.string)]
    return replace(graph, features=tf.function(graph.features, input_signature=signature))


def _examples(images: Sequence[CaptionedImage], image: EncoderGraph, text: EncoderGraph) -> Iterator[Any]:
    import numpy as np
    import tensorflow as tf

    for batch in (images[start : start + BATCH] for start in range(0, len(images), BATCH)):
        image_features = image.features(tf.constant([one.image_bytes() for one in batch])).numpy()
        captions = [caption for one in batch for caption in one.captions]
        ends = np.cumsum([len(one.captions) for one in batch])
        by_image = np.split(text.features(tf.constant(captions)).numpy(), ends[:-1])
        for one, features, text_features in zip(batch, image_features, by_image, strict=True):
            if not (np.isfinite(features).all() and np.isfinite(text_features).all()):
                raise DataError(f"the features of {one.id} are not finite; its captions are {one.captions}")
            yield tf.train.Example(
                features=tf.train.Features(
                    feature={
                        "image_id": _bytes([one.id]),
                        "captions": _bytes(one.captions),
                        "label": _integers(one.labels),
                        "image_features": _floats(features),
                        "text_features": _floats(text_features.ravel()),
                    }
                )
            )


def _bytes(values: Sequence[str]) -> Any:
    import tensorflow as tf

    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[one.encode() for one in values]))


def _integers(values: Sequence[int]) -> Any:
    import tensorflow as tf

    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _floats(values: Any) -> Any:
    import tensorflow as tf

    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def _require_same(encoding: Encoding) -> None:
    path = encoding.folder / MANIFEST
    if not path.is_file():
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; remove the folder to encode again") from error
    expected = json.loads(json.dumps(encoding.description()))
    if found != expected:
        differences = [
            f"{name}: {found.get(name)} there, {expected[name]} asked for"
            for name in expected
            if not isinstance(found, dict) or found.get(name) != expected[name]
        ]
        raise DataError(f"{encoding.folder} holds other features ({'; '.join(differences)})")
