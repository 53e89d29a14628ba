from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import processes
import pytest
import tensorflow as tf
from PIL import Image

from kzoo.data.sources import open_source
from kzoo.errors import DataError
from kzoo.evaluation.embedding import Embedder
from kzoo.evaluation.transfer import COSTS, choose_cost, retrieval, transfer

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


def draw(folder: Path, counts: dict[str, int]) -> Path:
    generator = np.random.default_rng(0)
    for split, count in counts.items():
        for name, colour in COLOURS.items():
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                noise = generator.integers(-30, 30, (16, 16, 3))
                pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


def mean_colour(image_bytes: tf.Tensor) -> tf.Tensor:
    """The mean colour of each picture, of length 1: a feature that tells the three classes apart."""
    pixels = tf.map_fn(
        lambda one: tf.reduce_mean(tf.cast(tf.io.decode_png(one, channels=3), tf.float32), axis=(0, 1)),
        image_bytes,
        fn_output_signature=tf.float32,
    )
    return tf.math.l2_normalize(pixels, axis=-1)


EMBEDDER = Embedder("colour", "1", mean_colour)


@pytest.mark.parametrize("splits", [("train", "validation", "test"), ("train", "test")])
def test_a_feature_that_tells_the_classes_apart(tmp_path: Path, splits: tuple[str, ...]) -> None:
    counts = {name: 6 if name == "train" else 4 for name in splits}
    found = transfer(open_source(str(draw(tmp_path, counts))), EMBEDDER, quiet=True)
    assert (found.accuracy, found.mean_average_precision, found.n_s) == (1.0, pytest.approx(100.0), 4.0)
    assert found.examples == {name: 3 * count for name, count in counts.items()}
    assert (found.dimensions, found.queries) == (3, 12)
    assert found.cost in COSTS
    assert found.accuracy_interval[0] < 0.8 < found.accuracy_interval[1] == pytest.approx(1.0)


def test_retrieval_by_hand() -> None:
    vectors = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]])
    precision, score, queries = retrieval(vectors, np.array([0, 1, 0, 2]))
    # 0 finds 1, then 2: (0/1 + 1/2) / 2; 2 finds 1, then 3 or 0 by cosine .8 and .6: third, (0/2 + 1/3) / 2
    assert precision == pytest.approx(100 * (1 / 4 + 1 / 6) / 2)
    assert (score, queries) == (2.0, 2)


def test_the_cost_is_the_lowest_of_the_best_and_the_test_split_is_not_looked_at() -> None:
    vectors = np.array([[0.0, 1], [0.1, 1], [1, 0.1], [1, 0]])
    labels = np.array([0, 0, 1, 1])
    data = {"train": vectors, "validation": vectors}
    answers = {"train": labels, "validation": labels}
    assert choose_cost(data, answers) == (COSTS[0], 1.0)


def test_what_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no class of what is searched has two"):
        retrieval(np.eye(3), np.array([0, 1, 2]))
    with pytest.raises(DataError, match="has 1"):
        choose_cost({"train": np.eye(2)}, {"train": np.array([3, 3])})


@pytest.mark.slow
def test_the_verb_takes_a_run(tmp_path: Path) -> None:
    data = draw(tmp_path / "data", {"train": 6, "validation": 4, "test": 4})
    kzoo = ["-m", "kzoo.cli"]
    tiny = "options={stages: [[3,[6]],[3,[6]],[3,[6]]], branch_channels: 8}"
    settings = ["--set", "epochs=1", "--set", "batch_size=6", "--set", tiny, "--out", str(tmp_path / "run")]
    processes.run(*kzoo, "train", "cfn_a", "--data", data, *settings, check=True)
    done = processes.run(*kzoo, "transfer", tmp_path / "run", "--data", data, "--json", check=True)
    found = json.loads(done.stdout)
    assert (found["model"], found["dimensions"], found["queries"]) == ("cfn_a", 8, 12)
