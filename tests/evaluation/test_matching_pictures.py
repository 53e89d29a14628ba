"""Pictures of matching networks: they show what is measured, and frame the right answers."""

from __future__ import annotations

import io

import keras
import numpy as np
import pytest
from PIL import Image

from kzoo import registry
from kzoo.evaluation import matching_pictures
from kzoo.evaluation.matching_pictures import (
    adaptive_weights_picture,
    confusion_picture,
    fused_similarity,
    retrieval_picture,
    score_curves_picture,
    similarity_picture,
    spaces_of,
    spaces_picture,
)
from kzoo.metrics.matching import measures

IMAGES = 9
GREEN = (44, 160, 44)


def pairs() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "image": random.standard_normal((IMAGES, 12)).astype("float32"),
        "text": random.standard_normal((2 * IMAGES, 10)).astype("float32"),
        "image_index": np.repeat(np.arange(IMAGES), 2),
        "caption": np.array([f"words {number}" for number in range(2 * IMAGES)]),
    }


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)


def amount_of(colour: tuple[int, int, int], png: bytes) -> int:
    return int((np.abs(pixels(png) - colour).max(axis=-1) < 8).sum())


@pytest.mark.parametrize(
    ("name", "spaces"),
    [
        ("rrfnet", ["embedding"]),
        ("mmnet", ["embedding"]),
        ("cyclematch", ["visual", "textual", "latent"]),
        ("latentmatch", ["latent"]),
    ],
)
def test_similarities_are_those_that_are_measured(name: str, spaces: list[str]) -> None:
    keras.utils.set_random_seed(0)
    system = registry.find(name)
    model, arrays = system.build(**system.tiny), pairs()
    found = spaces_of(model, arrays)
    assert list(found) == spaces
    expected = system.evaluate(model, arrays)
    assert measures(fused_similarity(found), arrays["image_index"]).items() <= expected.items()


def test_a_network_that_only_classifies_has_no_spaces() -> None:
    system = registry.find("mcnet")
    assert spaces_of(system.build(**system.tiny, classes=3), pairs()) == {}


def test_right_answers_are_framed_green() -> None:
    arrays = pairs()
    drawing = io.BytesIO()
    Image.new("RGB", (16, 16), "white").save(drawing, "PNG")
    own = (arrays["image_index"] == np.arange(IMAGES)[:, None]).astype(float)
    right = amount_of(GREEN, retrieval_picture(own, arrays, [drawing.getvalue()] * IMAGES))
    wrong = amount_of(GREEN, retrieval_picture(-own, arrays, [drawing.getvalue()] * IMAGES))
    assert wrong == 0
    assert right > 1000


def test_matched_pairs_and_right_classes_are_a_diagonal() -> None:
    index = np.arange(20)
    yellow, blue = (253, 231, 37), (8, 48, 107)
    matched = similarity_picture(np.eye(20), index)
    assert (
        amount_of(yellow, matched) > amount_of(yellow, similarity_picture(np.zeros((20, 20)), index)) + 2000
    )
    classes = [f"class {number}" for number in range(20)]
    label = np.repeat(index, 2)
    half_right = np.where(np.arange(40) % 2, label, (label + 1) % 20)
    always = amount_of(blue, confusion_picture(label, label, classes))
    assert always > amount_of(blue, confusion_picture(label, half_right, classes)) + 5000


def test_queries_and_pairs_are_spread_over_the_split() -> None:
    assert matching_pictures._spread(9, 3).tolist() == [1, 4, 7]
    assert matching_pictures._spread(2, 5).tolist() == [0, 1]


def test_spaces_and_scores_are_drawn() -> None:
    random = np.random.default_rng(0)
    spaces = {
        name: (random.normal(size=(6, 4)), random.normal(size=(12, 4))) for name in ("visual", "textual")
    }
    scores = {name: images @ texts.T for name, (images, texts) in spaces.items()}
    for picture in (
        spaces_picture(spaces, np.repeat(np.arange(6), 2)),
        score_curves_picture(scores),
        adaptive_weights_picture(scores),
    ):
        assert pixels(picture).std() > 5
