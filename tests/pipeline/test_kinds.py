"""Kinds of data that spans hold: what goes in comes out, and what has another form is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kzoo.errors import DataError, UnknownNameError, UsageError
from tfx_pipeline.examples import ID, IMAGE, example_of
from tfx_pipeline.kinds import Described, kind_named, kind_of
from tfx_pipeline.kinds.layers import LABEL_MAP, OUTLINE
from tfx_pipeline.records import Records

ENCODERS = {"image_encoder": "efficientnet_lite0", "text_encoder": "minilm", "multi_label": False}
IMAGE_DIMENSION, TEXT_DIMENSION = 1280, 384


def records_of(path: Path, examples: Sequence[tf.train.Example]) -> Records:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for example in examples:
            writer.write(example.SerializeToString())
    return Records({"eval": [str(path)]})


def described(kind: str, classes: Sequence[str], **facts: object) -> Described:
    return Described(kind=kind, name="x", classes=classes, fingerprint="f", licence="CC0", facts=facts)


def pair(identity: str, captions: list[str], label: int, image: float = 0.5) -> tf.train.Example:
    return example_of(
        {
            ID: [identity],
            IMAGE: [b"png of " + identity.encode()],
            "captions": captions,
            "label": [label],
            "class": [("food", "faces")[label]],
            "image_features": [image] * IMAGE_DIMENSION,
            "text_features": [0.25] * TEXT_DIMENSION * len(captions),
        }
    )


def test_pairs_come_by_id_and_by_category(tmp_path: Path) -> None:
    records = records_of(tmp_path / "a", [pair("b", ["one", "two"], 1), pair("a", ["three"], 0)])
    kind, told = kind_named("captioned_pairs"), described("captioned_pairs", ("food", "faces"), **ENCODERS)
    source = kind.open(told, records)
    arrays = source.arrays("eval")
    assert arrays["image_id"].tolist() == ["a", "b"]
    assert arrays["image_index"].tolist() == [0, 1, 1]
    assert arrays["label"].tolist() == [0, 1]
    assert (arrays["image"].shape, arrays["text"].shape) == ((2, IMAGE_DIMENSION), (3, TEXT_DIMENSION))
    assert source.splits["eval"].examples == 3
    assert records.categories("eval") == ["faces", "food"]
    assert kind.open(told, records.of_category("faces")).arrays("eval")["image_id"].tolist() == ["b"]
    assert records.images("eval", 1) == [b"png of a"]
    assert records.texts("eval", "captions", 2) == ["three", "one"]


def test_features_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    records = records_of(tmp_path / "a", [pair("b", ["one"], 1, image=float("nan"))])
    source = kind_named("captioned_pairs").open(described("x", ("food", "faces"), **ENCODERS), records)
    with pytest.raises(DataError, match=r"b has 1280 image features .* all finite"):
        source.arrays("eval")


def test_layers_come_out_as_they_went_in(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    layers = {
        name: generator.integers(0, 256, (8, 8, channels), np.uint8)
        for name, channels in ((IMAGE, 3), (LABEL_MAP, 1), (OUTLINE, 1))
    }
    encoded = {name: [tf.io.encode_png(layer).numpy()] for name, layer in layers.items()}
    records = records_of(tmp_path / "a", [example_of({ID: ["one"], **encoded})])
    arrays = (
        kind_named("layers").open(described("layers", ("a", "b")), records).arrays("eval", image_size=(8, 8))
    )
    np.testing.assert_array_equal(arrays.color[0], layers[IMAGE])
    np.testing.assert_array_equal(arrays.labels[0], layers[LABEL_MAP][..., 0])
    np.testing.assert_array_equal(arrays.outline[0], layers[OUTLINE][..., 0])
    assert arrays.color.dtype == arrays.labels.dtype == arrays.outline.dtype == np.uint8
    assert arrays.ids.tolist() == ["one"]


def test_a_label_outside_the_classes_is_in_the_schema() -> None:
    schema = kind_named("labelled_images").schema(described("labelled_images", ("a", "b", "c")))
    features = {feature.name: feature for feature in schema.feature}
    assert features["label"].int_domain.max == 2
    assert list(features["class"].string_domain.value) == ["a", "b", "c"]
    assert all(feature.presence.min_fraction == 1 for feature in schema.feature)


def test_what_is_of_no_kind() -> None:
    with pytest.raises(UsageError, match="spans hold what a DataSource, PairSource, LayerSource gives"):
        kind_of(SimpleNamespace(name="cloth"))
    with pytest.raises(UnknownNameError, match="did you mean layers"):
        kind_named("layer")
