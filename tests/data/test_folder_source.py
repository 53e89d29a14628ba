"""Folders of images: layouts, splitting by hash, fingerprints, and every bad input."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kzoo.data.folder_source import FolderSource
from kzoo.data.sources import open_source
from kzoo.errors import DataError


def write_image(path: Path, seed: int, size: tuple[int, int] = (8, 6)) -> np.ndarray:
    """Write random pixels of (height, width) `size`; return them."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def split_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "animals"
    for split, count in (("train", 3), ("validation", 1), ("test", 2)):
        for seed, name in enumerate(("cat", "dog")):
            for index in range(count):
                write_image(folder / split / name / f"{index}.png", seed=10 * seed + index)
    return folder


@pytest.fixture
def flat_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "flat"
    for name, count in (("cat", 10), ("dog", 21), ("newt", 3)):
        for index in range(count):
            write_image(folder / name / f"{index:02}.png", seed=index)
    return folder


def test_split_folders(split_folder: Path) -> None:
    source = open_source(str(split_folder))
    assert isinstance(source, FolderSource)
    assert source.name == str(split_folder)
    assert source.classes == ("cat", "dog")
    assert {split.name: split.examples for split in source.splits.values()} == {
        "train": 6,
        "validation": 2,
        "test": 4,
    }
    arrays = source.arrays("test", image_size=None)
    assert arrays["image"].shape == (4, 8, 6, 3)
    assert {
        (identifier, int(label)) for identifier, label in zip(arrays["id"], arrays["label"], strict=True)
    } == {("test/cat/0.png", 0), ("test/cat/1.png", 0), ("test/dog/0.png", 1), ("test/dog/1.png", 1)}
    expected = np.asarray(Image.open(split_folder / "test" / "dog" / "1.png"))
    np.testing.assert_array_equal(arrays["image"][list(arrays["id"]).index("test/dog/1.png")], expected)


def test_validation_may_be_absent(split_folder: Path) -> None:
    for path in (split_folder / "validation").rglob("*.png"):
        path.unlink()
    for path in (split_folder / "validation").iterdir():
        path.rmdir()
    (split_folder / "validation").rmdir()
    assert set(open_source(str(split_folder)).splits) == {"train", "test"}


def test_split_by_hash_is_stratified_and_complete(flat_folder: Path) -> None:
    source = open_source(str(flat_folder))
    ids = {split: source.arrays(split, image_size=None)["id"] for split in source.splits}
    counts = {
        split: [sum(one.startswith(f"{name}/") for one in members) for name in source.classes]
        for split, members in ids.items()
    }
    assert counts == {"train": [7, 15, 1], "validation": [1, 2, 1], "test": [2, 4, 1]}
    everything = [one for members in ids.values() for one in members]
    assert len(everything) == len(set(everything)) == 34


def test_split_by_hash_depends_on_names_only(flat_folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for path in sorted(flat_folder.rglob("*.png"), reverse=True):
        write_image(elsewhere / path.relative_to(flat_folder), seed=99)
    for split in ("train", "validation", "test"):
        here, there = (
            open_source(str(folder)).arrays(split, image_size=(4, 4))["id"].tolist()
            for folder in (flat_folder, elsewhere)
        )
        assert here == there


def test_order_is_the_same_every_time_and_not_by_class(flat_folder: Path) -> None:
    source = open_source(str(flat_folder))
    first, second = (source.arrays("train", image_size=None)["label"].tolist() for _ in range(2))
    assert first == second
    assert first != sorted(first)


def test_fingerprint_follows_the_files(split_folder: Path) -> None:
    before = open_source(str(split_folder)).fingerprint
    assert open_source(str(split_folder)).fingerprint == before
    (split_folder / "README.txt").write_text("not an example")
    (split_folder / "train" / "cat" / ".DS_Store").write_bytes(b"\0")
    assert open_source(str(split_folder)).fingerprint == before
    write_image(split_folder / "train" / "cat" / "0.png", seed=77)
    changed = open_source(str(split_folder)).fingerprint
    assert changed != before
    (split_folder / "train" / "cat" / "0.png").rename(split_folder / "train" / "cat" / "9.png")
    assert open_source(str(split_folder)).fingerprint not in (before, changed)


def test_grey_alpha_and_jpeg_become_rgb(split_folder: Path) -> None:
    grey = np.arange(48, dtype=np.uint8).reshape(8, 6)
    Image.fromarray(grey).save(split_folder / "test" / "cat" / "grey.png")
    Image.new("RGBA", (6, 8), (200, 100, 50, 255)).save(split_folder / "test" / "cat" / "alpha.png")
    Image.new("RGB", (6, 8), (200, 100, 50)).save(split_folder / "test" / "dog" / "large.JPG", quality=95)
    arrays = open_source(str(split_folder)).arrays("test", image_size=None)
    image = dict(zip(arrays["id"], arrays["image"], strict=True))
    np.testing.assert_array_equal(image["test/cat/grey.png"], np.repeat(grey[..., None], 3, axis=2))
    assert (image["test/cat/alpha.png"] == [200, 100, 50]).all()
    assert np.abs(image["test/dog/large.JPG"].astype(int) - [200, 100, 50]).max() <= 3


def test_images_of_several_sizes_need_image_size(split_folder: Path) -> None:
    write_image(split_folder / "test" / "dog" / "wide.png", seed=1, size=(5, 30))
    source = open_source(str(split_folder))
    with pytest.raises(DataError, match=r"\(5, 30\).*pass image_size"):
        source.arrays("test", image_size=None)
    assert source.arrays("test", image_size=(7, 9))["image"].shape == (5, 7, 9, 3)


def test_halving_averages_without_shift(split_folder: Path) -> None:
    flat = np.full((8, 6, 3), 120, np.uint8)
    flat[:, 3:] = 200
    Image.fromarray(flat).save(split_folder / "test" / "dog" / "0.png")
    arrays = open_source(str(split_folder)).arrays("test", image_size=(4, 6))
    half = arrays["image"][arrays["id"].tolist().index("test/dog/0.png")]
    np.testing.assert_array_equal(half, flat[:4])


def encoded(image_format: str) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, image_format)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("short.png", encoded("PNG")[:-20]),
        ("half.jpg", encoded("JPEG")[:800]),
        ("empty.png", b""),
        ("words.jpeg", b"these are words"),
        ("page.png", b"<html><body>404</body></html>"),
    ],
)
def test_file_that_is_no_whole_image_is_named(split_folder: Path, name: str, content: bytes) -> None:
    path = split_folder / "train" / "dog" / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"train/dog/{name} is not a whole PNG or JPEG image"):
        open_source(str(split_folder))


@pytest.mark.parametrize("name", ["notes.txt", "picture.webp", "Thumbs.db"])
def test_stray_file_in_a_class_folder_is_named(split_folder: Path, name: str) -> None:
    (split_folder / "train" / "dog" / name).write_text("stray")
    with pytest.raises(DataError, match=rf"train/dog/{name} is no image file"):
        open_source(str(split_folder))


def test_folder_in_a_class_folder_is_named(split_folder: Path) -> None:
    write_image(split_folder / "train" / "dog" / "puppies" / "0.png", seed=0)
    with pytest.raises(DataError, match="train/dog/puppies is no image file"):
        open_source(str(split_folder))


def test_class_folder_without_images_is_named(split_folder: Path) -> None:
    for split in ("train", "validation", "test"):
        (split_folder / split / "emu").mkdir()
    with pytest.raises(DataError, match=r"class folder .*train/emu has no images"):
        open_source(str(split_folder))


def test_splits_of_different_classes_are_refused(split_folder: Path) -> None:
    write_image(split_folder / "test" / "emu" / "0.png", seed=0)
    with pytest.raises(DataError, match=r"animals/test has not the classes .* in excess \['emu'\]"):
        open_source(str(split_folder))
    write_image(split_folder / "train" / "emu" / "0.png", seed=0)
    with pytest.raises(DataError, match=r"animals/validation .* without \['emu'\]"):
        open_source(str(split_folder))


def test_misspelt_split_is_named(split_folder: Path) -> None:
    (split_folder / "validation").rename(split_folder / "val")
    with pytest.raises(DataError, match="animals/val stands beside train; expected train, validation, test"):
        open_source(str(split_folder))


def test_missing_test_split_is_named(split_folder: Path) -> None:
    (split_folder / "test").rename(split_folder.parent / "test")
    with pytest.raises(DataError, match="has a folder train but no folder test"):
        open_source(str(split_folder))


def test_image_outside_of_the_classes_is_named(flat_folder: Path) -> None:
    write_image(flat_folder / "lost.png", seed=0)
    with pytest.raises(DataError, match=r"lost\.png is in no class folder"):
        open_source(str(flat_folder))


def test_class_too_small_to_split_is_named(flat_folder: Path) -> None:
    (flat_folder / "newt" / "00.png").unlink()
    with pytest.raises(DataError, match="flat/newt has 2 images; expected at least 3"):
        open_source(str(flat_folder))


@pytest.mark.parametrize("classes", [[], ["only"]])
def test_fewer_than_two_classes_are_refused(tmp_path: Path, classes: list[str]) -> None:
    for name in classes:
        write_image(tmp_path / name / "0.png", seed=0)
    with pytest.raises(DataError, match=f"fewer than two class folders .{', '.join(classes) or 'none'}"):
        open_source(str(tmp_path))


def test_unreadable_file_is_named(split_folder: Path) -> None:
    (split_folder / "train" / "cat" / "gone.png").symlink_to(split_folder / "nowhere.png")
    with pytest.raises(DataError, match=r"train/cat/gone\.png is no image file"):
        open_source(str(split_folder))
