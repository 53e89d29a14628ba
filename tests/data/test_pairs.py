"""Captioned images to features and back: by Beam, resumed, and from files that are broken or others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kzoo.data.captions import open_captions
from kzoo.data.encoders import encoder_graph
from kzoo.data.encoding import MANIFEST, encoding_of
from kzoo.data.encoding_pipeline import encode_with_beam
from kzoo.data.pairs import PairSource, open_pairs
from kzoo.errors import DataError, UnknownNameError

BIRDS = ("001.Albatross", "002.Wren")
PER_BIRD = 4


def write_birds(manual: Path) -> None:
    folder = manual / "cub_captions"
    names = [f"{bird}/{bird}_{number}.jpg" for bird in BIRDS for number in range(PER_BIRD)]
    tables: dict[str, list[str]] = {
        "classes": [f"{number} {bird}" for number, bird in enumerate(BIRDS, start=1)],
        "images": [f"{number} {name}" for number, name in enumerate(names)],
        "image_class_labels": [f"{number} {number // PER_BIRD + 1}" for number in range(len(names))],
        "train_test_split": [f"{number} {number % 2}" for number in range(len(names))],
    }
    for number, name in enumerate(names):
        path = folder / "CUB_200_2011" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 60, 3), 20 * number, np.uint8)).save(path)
        text = folder / "text_c10" / Path(name).with_suffix(".txt")
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("\n".join(f"bird {number} seen {time}" for time in range(number % 3 + 1)))
    for table, lines in tables.items():
        (folder / "CUB_200_2011" / f"{table}.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a cache in which the birds are encoded by Beam."""
    cache = tmp_path_factory.mktemp("cache")
    write_birds(cache / "datasets" / "downloads" / "manual")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KZOO_CACHE", str(cache))
        encoding = encoding_of("cub_captions", "efficientnet_lite0", "minilm")
        assert encode_with_beam(encoding, quiet=True) == 2
        assert encode_with_beam(encoding, quiet=True) == 0
    return cache


@pytest.fixture
def birds(encoded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PairSource:
    shutil.copytree(encoded, tmp_path / "cache")
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path / "cache"))
    return open_pairs("cub_captions", quiet=True)


def shard(birds: PairSource, split: str) -> Path:
    return birds.encoding.folder / f"{split}-00000-of-00001.tfrecord"


def change(path: Path, **features: list[float] | list[bytes]) -> None:
    """Write a shard again with other features in its first example."""
    examples = [
        tf.train.Example.FromString(one) for one in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    for name, values in features.items():
        feature = examples[0].features.feature[name]
        kept = feature.bytes_list if isinstance(values[0], bytes) else feature.float_list
        del kept.value[:]
        kept.value.extend(values)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for one in examples:
            writer.write(one.SerializeToString())


def test_arrays_of_a_split(birds: PairSource) -> None:
    found = birds.arrays("train")
    assert {name: (one.shape, one.dtype.kind) for name, one in found.items()} == {
        "image": ((4, 1280), "f"),
        "text": ((8, 384), "f"),
        "image_index": ((8,), "i"),
        "label": ((4,), "i"),
        "image_id": ((4,), "U"),
        "caption": ((8,), "U"),
    }
    assert found["image_index"].tolist() == [0, 0, 1, 2, 2, 2, 3, 3]
    assert found["label"].tolist() == [0, 0, 1, 1]
    assert found["caption"][:3].tolist() == ["bird 1 seen 0", "bird 1 seen 1", "bird 3 seen 0"]
    np.testing.assert_allclose(np.linalg.norm(found["text"], axis=1), 1, atol=1e-5)
    with pytest.raises(UnknownNameError, match="split of cub_captions"):
        birds.arrays("validation")


def test_features_are_those_of_each_image_and_caption_alone(birds: PairSource) -> None:
    found = birds.arrays("train")
    text = encoder_graph(birds.text_encoder).features
    image = encoder_graph(birds.image_encoder).features
    alone = [text(tf.constant([caption]))[0] for caption in found["caption"][:3]]
    # Other batches, other orders of summing: float32 agrees to some 1e-6 of the largest element.
    np.testing.assert_allclose(found["text"][:3], alone, atol=1e-5)
    pictures = tf.constant([one.image_bytes() for one in open_captions("cub_captions").images("train")])
    np.testing.assert_allclose(found["image"], image(pictures), atol=1e-4)


def test_manifest_says_what_made_the_features(birds: PairSource) -> None:
    manifest = json.loads((birds.encoding.folder / MANIFEST).read_text())
    assert manifest["data"] == "cub_captions"
    for kind, dimension in {"image": 1280, "text": 384}.items():
        encoder = manifest[f"{kind}_encoder"]
        assert encoder["dimension"] == dimension
        assert encoder["licence"] == "Apache-2.0"
        assert len(encoder["sha256"]) == 64
        assert encoder["source"]


def test_only_what_is_missing_is_made_again_and_is_the_same(birds: PairSource) -> None:
    before = {split: shard(birds, split).read_bytes() for split in birds.splits}
    kept = shard(birds, "test").stat().st_mtime_ns
    shard(birds, "train").unlink()
    open_pairs("cub_captions", quiet=True)
    assert {split: shard(birds, split).read_bytes() for split in birds.splits} == before
    assert shard(birds, "test").stat().st_mtime_ns == kept
    assert not list(birds.encoding.folder.glob("*.part"))


def test_a_pipeline_that_fails_keeps_what_is_whole(birds: PairSource) -> None:
    shard(birds, "train").unlink()
    broken = next(image for image in open_captions("cub_captions").images("train")).id
    (Path(birds_folder()) / "CUB_200_2011" / "images" / broken).write_bytes(b"no picture")
    encoding = encoding_of(
        "cub_captions", "efficientnet_lite0", "minilm", birds.encoding.folder.parent / "other"
    )
    with pytest.raises(DataError, match=r"encoding cub_captions into .*other failed"):
        encode_with_beam(encoding, quiet=True)
    assert not (encoding.folder / "train-00000-of-00001.tfrecord").exists()


def test_too_few_captions_to_fit_an_encoder_on(birds: PairSource, tmp_path: Path) -> None:
    (tmp_path / "words.vec").write_text("2 2\nbird 1 2\nseen 3 0\n")
    encoding = encoding_of("cub_captions", "efficientnet_lite0", f"hglmm:{tmp_path}/words.vec")
    with pytest.raises(
        DataError, match="received 8 training sentences and Fisher vectors of 120; expected 6000"
    ):
        encode_with_beam(encoding, quiet=True)


def birds_folder() -> Path:
    from kzoo.files import cache_folder

    return cache_folder("datasets", "downloads", "manual", "cub_captions")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            {"image_features": [0.5] * 7},
            "has 7 image features, 768 text features and 2 captions; expected 1280",
        ),
        (
            {"text_features": [0.5] * 384},
            "384 text features and 2 captions; expected 1280 and, a caption, 384",
        ),
        ({"image_features": [float("nan")] * 1280}, "are not finite"),
        ({"text_features": [float("inf")] * 768}, "are not finite"),
        ({"captions": [b"one"], "text_features": [0.5] * 384}, "split 'train' has 7 captions, not 8"),
    ],
)
def test_features_of_another_length_or_no_numbers(
    birds: PairSource, features: dict[str, list[float]], message: str
) -> None:
    change(shard(birds, "train"), **features)
    with pytest.raises(DataError, match=message):
        birds.arrays("train")


def test_broken_records_and_folders_of_something_else(birds: PairSource) -> None:
    path = shard(birds, "train")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"cannot be read.*remove it to encode it again"):
        birds.arrays("train")
    manifest = birds.encoding.folder / MANIFEST
    manifest.write_text(manifest.read_text().replace('"minilm"', '"other"'))
    with pytest.raises(DataError, match="holds other features"):
        open_pairs("cub_captions", quiet=True)


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="captioned data set"):
        open_pairs("house/emoji_caption")
    with pytest.raises(UnknownNameError, match="image encoder"):
        open_pairs("house/emoji_captions", image_encoder="efficientnet")


def test_emoji_have_several_wordings_and_the_splits_of_the_manifest() -> None:
    categories, subcategories = (
        open_captions(f"house/emoji_captions{suffix}") for suffix in ("", ":subcategories")
    )
    assert (len(categories.classes), len(subcategories.classes)) == (8, 96)
    assert {split: len(categories.images(split)) for split in categories.splits} == {
        "train": 1029,
        "validation": 200,
        "test": 400,
    }
    found = {image.id: image.captions for image in categories.images("train")}
    assert found["1F603"] == ("smiling face with open mouth", "smiley", "smiley, a picture of face smiling")
    assert all(len(set(captions)) == len(captions) >= 1 for captions in found.values())
