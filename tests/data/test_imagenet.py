"""ImageNet from two small archives of the true layout, read by index; and the errors where there is none."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kzoo.data.imagenet import RecordSource, open_imagenet
from kzoo.data.images import decode_images
from kzoo.data.pipeline import evaluation_batches, examples_of, training_batches
from kzoo.data.sources import open_source
from kzoo.errors import DataError

SYNSETS = ("n01440764", "n01443537", "n15075141")
SIZE = (40, 48)


def jpeg(seed: int) -> bytes:
    draw = np.random.default_rng(seed)
    blocks = draw.integers(0, 256, (3, 4, 3), np.uint8)
    height, width = (int(side) for side in draw.integers(50, 70, 2))
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


TRAIN = {f"{synset}_{n}.JPEG": jpeg(10 * s + n) for s, synset in enumerate(SYNSETS) for n in range(3)}
VALIDATION = {f"ILSVRC2012_val_{n:08}.JPEG": jpeg(100 + n) for n in range(1, 5)}


@pytest.fixture
def manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    folder = tmp_path / "datasets" / "downloads" / "manual"
    folder.mkdir(parents=True)
    synsets = {
        f"{synset}.tar": archive({name: one for name, one in TRAIN.items() if name.startswith(synset)})
        for synset in SYNSETS
    }
    (folder / "ILSVRC2012_img_train.tar").write_bytes(archive(synsets))
    (folder / "ILSVRC2012_img_val.tar").write_bytes(archive(VALIDATION))
    return folder


def test_read_by_index_as_from_the_archives(manual: Path) -> None:
    source = open_source("imagenet2012")
    assert isinstance(source, RecordSource)
    assert (len(source.classes), source.classes[0]) == (1000, "n01440764")
    assert {name: split.examples for name, split in source.splits.items()} == {"train": 9, "validation": 4}

    examples = examples_of(source, "train", image_size=SIZE)
    everything = np.arange(9)
    assert sorted(examples.ids[everything]) == sorted(TRAIN)
    ((images, labels),) = evaluation_batches(examples, batch_size=9, normalization="none")
    names = examples.ids[everything]
    assert [source.classes[label] for label in labels.numpy()] == [name.split("_")[0] for name in names]
    expected = decode_images(np.array([TRAIN[name] for name in names], object), SIZE)
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(source.arrays("train", image_size=SIZE)["image"], expected)

    again = open_imagenet(build=False)
    assert again.fingerprint == source.fingerprint


def test_training_batches_are_crops_and_begin_at_any_step(manual: Path) -> None:
    examples = examples_of(open_imagenet(), "train", image_size=SIZE)
    options = {"batch_size": 4, "seed": 3, "normalization": "none", "augmentation": "random_crop_flip"}
    whole = list(training_batches(examples, resize=56, **options).take(4))
    rest = list(training_batches(examples, resize=56, first_step=2, **options).take(2))
    for (image, label), (image_again, label_again) in zip(whole[2:], rest, strict=True):
        assert image.shape == (4, *SIZE, 3)
        np.testing.assert_array_equal(image, image_again)
        np.testing.assert_array_equal(label, label_again)
    seen = np.concatenate([label for _, label in whole])[:9]
    assert sorted(seen.tolist()) == [0, 0, 0, 1, 1, 1, 999, 999, 999]


def test_a_missing_archive_is_named(manual: Path) -> None:
    (manual / "ILSVRC2012_img_train.tar").unlink()
    with pytest.raises(DataError, match=r"needs ILSVRC2012_img_train\.tar to be placed in") as caught:
        open_source("imagenet2012")
    assert str(manual) in str(caught.value)


def test_nothing_is_prepared_unasked(manual: Path) -> None:
    with pytest.raises(DataError, match="build=True"):
        open_source("imagenet2012", build=False)


def test_a_broken_archive_leaves_nothing_behind(manual: Path) -> None:
    path = manual / "ILSVRC2012_img_train.tar"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="cannot be prepared from the archives"):
        open_source("imagenet2012")
    assert not list((manual.parents[1] / "imagenet2012").glob("5*"))
