"""Features of patches by Beam: those of the network in process, made once, whole or absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from kzoo.cli import app
from kzoo.data.sources import open_source
from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.systems.deepindex.codebook import Codebook
from kzoo.systems.deepindex.features import PatchEncoder, patch_features
from kzoo.systems.deepindex.patch_encoding import load_patches, patch_encoding
from kzoo.systems.deepindex.patch_pipeline import encode_patches
from kzoo.systems.deepindex.retrieve import DeepIndex

ENCODER = PatchEncoder("vgg16_hed", ("block1_conv1", "block2_conv2"), 32)
EACH = 17  # a split of 34 images is two chunks


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for split, each in (("train", EACH), ("test", 2)):
        for name in ("dark", "light"):
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(each):
                pixels = random.integers(0, 128, (20 + number, 24, 3), np.uint8) + 127 * (name == "light")
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def encoded(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoded") / "features"
    encoding = patch_encoding(open_source(str(pictures)), [], ENCODER, folder)
    assert encode_patches(encoding, quiet=True) == 3
    return folder


def test_beam_makes_what_the_network_makes_in_process(
    encoded: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    found, ids = load_patches(encoded)
    source = open_source(str(pictures))
    examples = [
        one for split in source.splits for one in source.read(split, image_size=None).as_numpy_iterator()
    ]
    assert ids == [one["id"].decode() for one in examples]
    assert len(ids) == 2 * EACH + 4
    expected = patch_features(ENCODER, lambda number: examples[number]["image"], len(examples), "pictures")
    for name in ENCODER.layers:
        assert found[name].shape == expected[name].shape
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4 * scale)  # other batches, float32
    vectors = {"hed": found["block2_conv2"]}
    books = {"hed": Codebook.train(vectors["hed"].reshape(-1, 128), 8)}
    ranked = DeepIndex.build(vectors, books).rank({"hed": vectors["hed"][:3]}, alpha=8.0)
    assert ranked[:, 0].tolist() == [0, 1, 2]


def test_only_what_is_missing_is_made_again(encoded: Path, pictures: Path) -> None:
    encoding = patch_encoding(open_source(str(pictures)), [], ENCODER, encoded)
    second = encoded / "train-00001-of-00002.npz"
    before, kept = second.read_bytes(), (encoded / "train-00000-of-00002.npz").stat().st_mtime_ns
    second.unlink()
    with pytest.raises(DataError, match="holds 2 files of features; expected 3"):
        load_patches(encoded)
    assert encode_patches(encoding, ["--direct_num_workers=1"], quiet=True) == 1
    assert second.read_bytes() == before
    assert (encoded / "train-00000-of-00002.npz").stat().st_mtime_ns == kept
    assert encode_patches(encoding, quiet=True) == 0


def test_other_data_or_another_model_go_to_another_folder(encoded: Path, pictures: Path) -> None:
    source = open_source(str(pictures))
    with pytest.raises(DataError, match=r"holds other features \(splits: \['train', 'test'\] there"):
        patch_encoding(source, ["test"], ENCODER, encoded)
    other = PatchEncoder("vgg16_hed", ("block1_conv1",), 32)
    with pytest.raises(DataError, match="holds features of another model"):
        patch_encoding(source, [], other, encoded)
    with pytest.raises(UnknownNameError, match="split of"):
        patch_encoding(source, ["validation"], ENCODER, encoded)
    with pytest.raises(UsageError, match="no exported model"):
        patch_encoding(source, [], encoded, encoded)


def test_an_image_too_small_for_the_third_level_is_named(encoded: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / "few" / split / name).mkdir(parents=True)
            Image.new("RGB", (9, 9)).save(tmp_path / "few" / split / name / "good.png")
    Image.new("RGB", (9, 2)).save(tmp_path / "few" / "test" / "b" / "small.png")
    (model,) = (encoded / "model").iterdir()
    command = ["encode", str(tmp_path / "few"), "--patches", str(model), "-o", str(tmp_path / "out")]
    ended = CliRunner().invoke(app, command)
    assert isinstance(ended.exception, DataError)
    assert "small.png: an image of 2 x 9 pixels cannot be divided into 3 x 3 patches" in str(ended.exception)
    assert not (tmp_path / "out" / "test-00000-of-00001.npz").exists()
