from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kzoo.data.sources import DataSource, open_source
from kzoo.errors import DataError, UsageError
from tfx_pipeline.examples import SPLITS
from tfx_pipeline.kinds import kind_named
from tfx_pipeline.records import Records
from tfx_pipeline.spans import DESCRIPTION, deliver, describe, fingerprint, list_spans, window

COUNTS = {"train": 4, "validation": 2, "test": 2}


def draw(folder: Path, classes: tuple[str, ...] = ("blue", "red"), counts: dict[str, int] = COUNTS) -> Path:
    generator = np.random.default_rng(0)
    for split, count in counts.items():
        for name in classes:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (8, 8, 3), np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


@pytest.fixture
def source(tmp_path: Path) -> DataSource:
    return open_source(str(draw(tmp_path / "pictures")))


def test_a_span_holds_the_source_and_reads_back_equal(source: DataSource, tmp_path: Path) -> None:
    span = deliver(source, tmp_path / "spans")
    assert (span.number, span.classes) == (1, ("blue", "red"))
    assert span.examples == {"train": 8, "validation": 4, "eval": 4}
    assert list_spans(tmp_path / "spans") == [span]
    files = {split: [str(tmp_path / "spans" / "span-1" / f"{split}.tfrecord.gz")] for split in SPLITS}
    records = kind_named(span.kind).open(describe([span]), Records(files))
    for split, name in zip(SPLITS, source.splits, strict=True):
        ours, theirs = records.arrays(split, image_size=None), source.arrays(name, image_size=None)
        order = np.argsort(theirs["id"])
        for key in ("image", "label", "id"):
            np.testing.assert_array_equal(ours[key], theirs[key][order])


def test_parts_share_the_source(source: DataSource, tmp_path: Path) -> None:
    first = deliver(source, tmp_path, part=(0, 2))
    second = deliver(source, tmp_path, part=(1, 2))
    assert (first.number, second.number) == (1, 2)
    assert first.examples["train"] == second.examples["train"] == 4
    assert [span.number for span in window(tmp_path, last=5)] == [1, 2]
    assert [span.number for span in window(tmp_path, last=1)] == [2]
    assert fingerprint([first]) != fingerprint([first, second])


def test_a_span_that_is_being_written_is_none(source: DataSource, tmp_path: Path) -> None:
    deliver(source, tmp_path)
    shutil.copytree(tmp_path / "span-1", tmp_path / ".span-2.abc.part")
    assert [span.number for span in list_spans(tmp_path)] == [1]


def test_spans_are_never_written_over(source: DataSource, tmp_path: Path) -> None:
    deliver(source, tmp_path, number=3)
    with pytest.raises(UsageError, match=r"span-3 exists already"):
        deliver(source, tmp_path, number=3)


def test_without_a_validation_split_every_tenth_chooses_the_epoch(tmp_path: Path) -> None:
    counts = {"train": 10, "test": 2}
    source = open_source(str(draw(tmp_path / "two", counts=counts)))
    assert deliver(source, tmp_path / "spans").examples == {"train": 18, "validation": 2, "eval": 4}
    halves = [deliver(source, tmp_path / "halves", part=(half, 2)) for half in range(2)]
    assert [half.examples for half in halves] == [{"train": 9, "validation": 1, "eval": 2}] * 2


@pytest.mark.parametrize("splits", [("train",), ("validation", "test")])
def test_a_source_that_lacks_a_split_leaves_nothing(
    source: DataSource, tmp_path: Path, splits: tuple[str, ...]
) -> None:
    lacking = replace(source, splits={name: source.splits[name] for name in splits})
    with pytest.raises(DataError, match=f"has the splits {', '.join(splits)}; a span needs train, and test"):
        deliver(lacking, tmp_path / "spans")
    assert list((tmp_path / "spans").iterdir()) == []


def test_an_empty_split_leaves_nothing(source: DataSource, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no example for the split 'validation'"):
        deliver(source, tmp_path / "spans", part=(5, 6))
    assert list((tmp_path / "spans").iterdir()) == []


def test_changed_records_and_descriptions_are_named(source: DataSource, tmp_path: Path) -> None:
    deliver(source, tmp_path)
    records = tmp_path / "span-1" / "train.tfrecord.gz"
    content = records.read_bytes()
    records.write_bytes(content[:-20])
    with pytest.raises(DataError, match=r"train\.tfrecord\.gz has SHA-256"):
        window(tmp_path, last=1)
    records.write_bytes(content)
    path = tmp_path / "span-1" / DESCRIPTION
    told = json.loads(path.read_text())
    for broken in ("{", json.dumps({**told, "number": 2}), json.dumps({**told, "examples": {"train": 0}})):
        path.write_text(broken)
        with pytest.raises(DataError, match="is no span"):
            list_spans(tmp_path)


def test_a_span_of_other_classes_is_another_schema(source: DataSource, tmp_path: Path) -> None:
    deliver(source, tmp_path)
    other = open_source(str(draw(tmp_path / "green", classes=("green", "red"))))
    deliver(other, tmp_path)
    with pytest.raises(DataError, match=r"span-1 has labelled images of blue, red; span-2 has .* green, red"):
        window(tmp_path, last=2)


def test_no_span(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no span"):
        window(tmp_path / "spans", last=2)
    with pytest.raises(UsageError, match="window is 0"):
        window(tmp_path, last=0)
