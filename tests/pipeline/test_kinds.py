"""Kinds of data that spans hold: what goes in comes out, and what has another form is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kzoo.data.data_source import Split
from kzoo.data.domains import DomainExamples, open_domains
from kzoo.data.edge_examples import EdgePicture, PictureList
from kzoo.data.edge_sources import EdgeSource
from kzoo.data.label_sets import LabelSource
from kzoo.data.people import open_people
from kzoo.data.segment_batches import IGNORED, SegmentExamples
from kzoo.data.voc import SegmentSource
from kzoo.errors import DataError, UnknownNameError, UsageError
from tfx_pipeline.examples import ID, IMAGE, SPLITS, example_of
from tfx_pipeline.kinds import Described, kind_named, kind_of
from tfx_pipeline.kinds.layers import LABEL_MAP, OUTLINE
from tfx_pipeline.records import Records
from tfx_pipeline.spans import deliver, describe

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
    with pytest.raises(UsageError, match=r"spans hold what a DataSource, .*, PersonSource gives"):
        kind_of(SimpleNamespace(name="cloth"))
    with pytest.raises(UnknownNameError, match="did you mean layers"):
        kind_named("layer")


def delivered(source: Any, folder: Path, part: tuple[int, int] = (0, 1)) -> Any:
    """Return a source as it is once it was delivered as a span."""
    span = deliver(source, folder, part=part)
    files = {split: [str(folder / span.name / f"{split}.tfrecord.gz")] for split in SPLITS}
    return kind_of(source).open(describe([span]), Records(files))


def test_domains_come_out_as_they_went_in(tmp_path: Path) -> None:
    source = open_domains("house/outline_color")
    found, whole = delivered(source, tmp_path, (0, 40)).examples("eval"), source.examples("test")
    rows = [whole.ids.tolist().index(identity) for identity in found.ids]
    assert sorted(rows) == list(range(0, len(whole), 40))
    np.testing.assert_array_equal(found.a, whole.a[rows])
    np.testing.assert_array_equal(found.b, whole.b[rows])
    assert found.paired


def test_domains_without_pairs_keep_what_one_has_more(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    examples = DomainExamples(pictures[:2], pictures[2:], np.array(["x", "y", "z"]))
    source = SimpleNamespace(
        name="unpaired", domains=("photo", "sketch"), splits={"test": 3}, examples=lambda split: examples
    )
    kind = kind_named("domains")
    records = records_of(tmp_path / "a", list(kind.examples(source, "test", lambda row: True)))
    told = described("domains", (), **kind.facts(source))
    found = kind.open(told, records).examples("eval")
    np.testing.assert_array_equal(found.a, examples.a)
    np.testing.assert_array_equal(found.b, examples.b)
    assert (found.ids.tolist(), found.paired) == (["x", "y", "z"], False)
    assert len(records.images("eval", 8)) == 2
    presence = {one.name: one.presence.min_fraction for one in kind.schema(told).feature}
    assert presence == {"id": 1, "image_bytes": 0, "b_image_bytes": 0}


def test_persons_come_out_as_they_went_in_and_a_server_is_asked_with_them(tmp_path: Path) -> None:
    source = open_people("house/people:few")
    opened = delivered(source, tmp_path)
    found, whole = opened.pairs("eval"), source.pairs("test")
    rows = [whole.ids.tolist().index(identity) for identity in found.ids]
    assert sorted(rows) == list(range(8))
    for ours, theirs in ((found.condition, whole.condition), (found.reference, whole.reference)):
        expected = theirs.chosen(np.array(rows))
        np.testing.assert_array_equal(ours.images, expected.images)
        np.testing.assert_array_equal(ours.parts, expected.parts)
        np.testing.assert_array_equal(ours.key_points, expected.key_points)
    assert whole.target is not None
    np.testing.assert_array_equal(found.target, whole.target[rows])
    assert (found.same, opened.pairs("train").same) == (False, True)
    asked = kind_named("people").inputs(opened.records, "eval", 2)
    shapes = {name: [tf.io.decode_png(one).shape for one in encoded] for name, encoded in asked.items()}
    assert shapes == {
        "condition_bytes": [(128, 128, 3)] * 2,
        "reference_bytes": [(128, 128, 3)] * 2,
        "reference_pose_bytes": [(128, 128, 3)] * 2,
        "reference_head_bytes": [(128, 128, 1)] * 2,
    }


def test_label_maps_come_out_as_they_went_in(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)

    def read(split: str) -> SegmentExamples:
        count = {"train": 20, "test": 2}[split]
        labels = generator.integers(0, 2, (count, 8, 8), np.uint8)
        labels[:, 0] = IGNORED
        images = generator.integers(0, 256, (count, 8, 8, 3), np.uint8)
        return SegmentExamples(images, labels, ("wall", "door"), np.array([f"{n:02}" for n in range(count)]))

    whole = {split: read(split) for split in ("train", "test")}
    source = LabelSource(
        name="facades",
        classes=("wall", "door"),
        splits={name: Split(name, len(examples)) for name, examples in whole.items()},
        fingerprint="f",
        licence="CC0",
        source="drawn",
        read=whole.__getitem__,
    )
    opened = delivered(source, tmp_path)
    found = opened.examples("eval")
    np.testing.assert_array_equal(found.images, whole["test"].images)
    np.testing.assert_array_equal(found.labels, whole["test"].labels)
    assert opened.examples("validation").ids.tolist() == ["00", "10"]
    assert (opened.classes, opened.splits["train"].examples) == (("wall", "door"), 18)
    with pytest.raises(UnknownNameError, match="split of"):
        opened.examples("test")


def test_edges_come_out_as_they_went_in(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    whole = [
        EdgePicture(
            f"{number:02}",
            generator.integers(0, 256, (8, 6 + number, 3), np.uint8),
            generator.integers(0, 2, (1 + number % 2, 8, 6 + number)).astype(bool),
        )
        for number in range(2)
    ]
    source = EdgeSource(
        name="drawn",
        splits={name: Split(name, 2) for name in ("train", "validation", "test", "trainval")},
        fingerprint="f",
        licence="CC0",
        source="drawn",
        max_distance=0.02,
        pictures_of=lambda split: PictureList(whole),
    )
    examples = delivered(source, tmp_path).examples("eval")
    assert (len(examples), examples.max_distance, examples.thick) == (2, 0.02, False)
    for ours, theirs in zip(examples.pictures, whole, strict=True):
        assert ours.name == theirs.name
        np.testing.assert_array_equal(ours.image, theirs.image)
        np.testing.assert_array_equal(ours.annotations, theirs.annotations)


class Photographs:
    """Random access to photographs and label maps of several sizes, as TFDS gives it."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        return [
            {
                "image": tf.io.encode_jpeg(np.full((8 + index, 16, 3), 10 * index, np.uint8)).numpy(),
                "labels": tf.io.encode_png(np.full((8 + index, 16, 1), index % 2, np.uint8)).numpy(),
                "name": f"photo-{index:02}".encode(),
            }
            for index in indices
        ]


def test_photographs_without_a_test_split_decide_by_validation(tmp_path: Path) -> None:
    source = SegmentSource(
        name="photographs",
        classes=("background", "cat"),
        splits={"train": Split("train", 20), "validation": Split("validation", 2)},
        fingerprint="f",
        licence="CC0",
        source="drawn",
        records_of=lambda split: Photographs({"train": 20, "validation": 2}[split]),
    )
    opened = delivered(source, tmp_path)
    assert {name: split.examples for name, split in opened.splits.items()} == {
        "train": 18,
        "validation": 2,
        "eval": 2,
    }
    assert opened.examples("validation").ids[np.arange(2)] == ["photo-00", "photo-10"]
    ((image, labels),) = opened.examples("validation").parts(2)
    assert image.shape == (2, 512, 512, 3)
    np.testing.assert_array_equal(
        labels[1, :19, :17], np.pad(np.zeros((18, 16)), (0, 1), constant_values=255)
    )
