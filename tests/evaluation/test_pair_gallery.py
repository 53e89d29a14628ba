"""Galleries over a small real SavedModel: colours of pictures, and words for colours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from typer.testing import CliRunner

from kzoo.cli import app
from kzoo.errors import DataError, ExportError, KzooError, RetrievalError, UsageError
from kzoo.evaluation.pair_gallery import PairEmbedder, build_pair_gallery, pair_sheet, search_pairs

COLOURS = {"red": (230, 20, 20), "green": (20, 230, 20), "blue": (20, 20, 230)}


class Colours(tf.Module):
    """The mean colour of an image, and the sum of the colours that a text names."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def embed_image(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        def mean(encoded: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(tf.cast(tf.io.decode_png(encoded, 3), tf.float32), axis=(0, 1))

        return {"embedding": tf.map_fn(mean, image_bytes, fn_output_signature=tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def embed_text(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        named = [tf.strings.regex_full_match(text, f".*{name}.*") for name in COLOURS]
        return {"embedding": tf.cast(tf.stack(named, axis=1), tf.float32) + 0.01}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("savedmodels") / "colours"
    module = Colours()
    tf.saved_model.save(
        module,
        str(folder / "1"),
        signatures={"embed_image": module.embed_image, "embed_text": module.embed_text},
    )
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name, colour in COLOURS.items():
        (folder / name).mkdir()
        Image.new("RGB", (9, 7), colour).save(folder / name / "one.png")
    return folder


@pytest.fixture(scope="module")
def captioned(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("galleries") / "captioned"
    counts = build_pair_gallery(
        "house/emoji_captions", ["validation"], PairEmbedder.open(model), out, quiet=True
    )
    assert counts == {"images": 200, "texts": 474}
    return out


def test_pictures_of_a_folder_are_found_by_words(model: Path, pictures: Path, tmp_path: Path) -> None:
    embedder = PairEmbedder.open(model)
    assert (embedder.model, embedder.version) == ("colours", "1")
    counts = build_pair_gallery(str(pictures), [], embedder, tmp_path / "gallery", quiet=True)
    assert counts == {"images": 3, "texts": 0}
    found, metadata = search_pairs(tmp_path / "gallery", embedder, "something green", 2)
    assert found.ids[0, 0] == "green/one.png"
    assert found.scores[0, 0] > 0.99
    assert metadata[0] == {"captions": []}
    with pytest.raises(DataError, match="images without captions; it is searched by --text"):
        search_pairs(tmp_path / "gallery", embedder, pictures / "red" / "one.png", 1)


def test_captions_are_found_by_an_image(model: Path, captioned: Path, pictures: Path) -> None:
    embedder = PairEmbedder.open(model)
    found, metadata = search_pairs(captioned, embedder, pictures / "blue" / "one.png", 3)
    assert all("blue" in facts["caption"] for facts in metadata[:1])
    assert found.ids.shape == (1, 3)
    assert metadata[0]["image"] == found.ids[0, 0].split("#")[0]


def test_the_command_prints_and_draws(model: Path, captioned: Path, tmp_path: Path) -> None:
    page = tmp_path / "found.png"
    ended = CliRunner().invoke(
        app,
        [
            "search",
            str(captioned),
            "--model",
            str(model),
            "--text",
            "red",
            "-k",
            "4",
            "--json",
            "-o",
            str(page),
        ],
    )
    assert ended.exit_code == 0, ended.output
    answers = json.loads(ended.stdout)["answers"]
    assert len(answers) == 4
    assert answers[0]["captions"]
    with Image.open(page) as sheet:
        assert np.asarray(sheet.convert("L")).std() > 10


def test_one_kind_of_question_at_a_time(model: Path, captioned: Path) -> None:
    arguments = ["search", str(captioned), "--model", str(model)]
    ended = CliRunner().invoke(app, arguments)
    assert isinstance(ended.exception, UsageError)
    ended = CliRunner().invoke(app, [*arguments, "--text", "red", "--image", "x.png"])
    assert isinstance(ended.exception, UsageError)


def test_what_cannot_be_asked(model: Path, captioned: Path, pictures: Path, tmp_path: Path) -> None:
    embedder = PairEmbedder.open(model)
    with pytest.raises(DataError, match="an empty text"):
        search_pairs(captioned, embedder, "  ", 1)
    with pytest.raises(DataError, match="cannot be read"):
        search_pairs(captioned, embedder, tmp_path / "missing.png", 1)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    with pytest.raises(DataError, match="cannot embed the images"):
        search_pairs(captioned, embedder, broken, 1)
    other = PairEmbedder("colours", "2", embedder.functions)
    with pytest.raises(RetrievalError, match="version"):
        search_pairs(captioned, other, "red", 1)
    with pytest.raises(DataError, match="no captioned data set"):
        build_pair_gallery(str(tmp_path / "nothing"), [], embedder, tmp_path / "new", quiet=True)
    with pytest.raises(KzooError, match="exists already"):
        build_pair_gallery(str(pictures), [], embedder, captioned, quiet=True)
    with pytest.raises(UsageError, match=r"ending in \.png"):
        pair_sheet(tmp_path / "sheet.jpg", "", [], [])


def test_what_is_no_matching_network(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no exported model"):
        PairEmbedder.open(tmp_path)
    module = Colours()
    tf.saved_model.save(module, str(tmp_path / "half" / "1"), signatures={"embed_text": module.embed_text})
    with pytest.raises(ExportError, match="no endpoint embed_image; it has embed_text"):
        PairEmbedder.open(tmp_path / "half")
