"""Recalls and ranks against the sorted full matrix: captions, ties, chunks and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kzoo.errors import UsageError
from kzoo.metrics.matching import average_precision, measures, measures_of_both_ways, ranks


def naive_ranks(similarity: np.ndarray, image_index: np.ndarray) -> tuple[list[int], list[int]]:
    """Sort every row and column; of equal similarities the lower index goes first."""
    images = [
        min(
            place
            for place, caption in enumerate(np.argsort(-row, kind="stable"))
            if image_index[caption] == image
        )
        for image, row in enumerate(similarity)
    ]
    captions = [
        list(np.argsort(-column, kind="stable")).index(image_index[caption])
        for caption, column in enumerate(similarity.T)
    ]
    return images, captions


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw 1 to 8 images with 1 to 4 captions each, similarities with many ties, and a chunk."""
    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=8))
    image_index = np.repeat(np.arange(len(counts)), counts)
    if draw(st.booleans()):
        image_index = np.array(draw(st.permutations(list(image_index))))
    cells = len(counts) * len(image_index)
    values = draw(st.lists(st.integers(-2, 2), min_size=cells, max_size=cells))
    similarity = np.array(values, "float32").reshape(len(counts), -1)
    return similarity, image_index, draw(st.integers(1, 9))


@given(problems())
def test_ranks_equal_the_sorted_matrix(problem: tuple[np.ndarray, np.ndarray, int]) -> None:
    similarity, image_index, chunk = problem
    images, captions = ranks(similarity, image_index, chunk=chunk)
    expected_images, expected_captions = naive_ranks(similarity, image_index)
    assert images.tolist() == expected_images
    assert captions.tolist() == expected_captions


@given(problems())
def test_rows_may_come_from_a_function(problem: tuple[np.ndarray, np.ndarray, int]) -> None:
    similarity, image_index, chunk = problem
    whole = ranks(similarity, image_index)
    by_part = ranks(lambda part: similarity[part], image_index, chunk=chunk)
    for one, other in zip(whole, by_part, strict=True):
        np.testing.assert_array_equal(one, other)


def test_measures_of_a_hand_computed_case() -> None:
    """Three images, four captions. Ranks of images 0, 2, 0; of captions 0, 0, 1, 0."""
    image_index = np.array([0, 0, 1, 2])
    similarity = np.array([[0.9, 0.8, 0.7, 0.1], [0.5, 0.4, 0.3, 0.2], [0.1, 0.0, 0.2, 0.9]])
    found = measures(similarity, image_index)
    assert found["i2t_r@1"] == pytest.approx(200 / 3)
    assert found["i2t_r@5"] == found["t2i_r@5"] == 100
    assert found["t2i_r@1"] == 75
    assert found["i2t_median_rank"] == found["t2i_median_rank"] == 1
    assert found["i2t_mean_reciprocal_rank"] == pytest.approx((1 + 1 / 3 + 1) / 3)
    assert found["t2i_mean_reciprocal_rank"] == pytest.approx((1 + 1 + 1 / 2 + 1) / 4)
    assert found["r_sum"] == pytest.approx(200 / 3 + 75 + 4 * 100)


def test_each_way_may_have_similarities_of_its_own() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.standard_normal((2, 20, 40))
    image_index = np.repeat(np.arange(20), 2)
    found = measures_of_both_ways(one, other, image_index)
    assert found["i2t_r@5"] == measures(one, image_index)["i2t_r@5"]
    assert found["t2i_r@5"] == measures(other, image_index)["t2i_r@5"]
    recalls = [value for name, value in found.items() if "_r@" in name]
    assert len(recalls) == 6
    assert found["r_sum"] == pytest.approx(sum(recalls))


def test_average_precision_of_a_hand_computed_case() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.8, 0.5, 0.2], [0.7, 0.5, 0.3]])
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    found = average_precision(scores, labels)
    np.testing.assert_allclose(found[:2], [(1 + 2 / 3) / 2, 1 / 2])
    assert np.isnan(found[2])


def test_refusals_name_what_was_received() -> None:
    with pytest.raises(UsageError, match=r"expected similarity \(2, 3\); received \(2, 2\)"):
        measures(np.zeros((2, 2)), np.array([0, 0, 1]))
    with pytest.raises(UsageError, match="one caption or more of each image"):
        measures(np.zeros((3, 2)), np.array([0, 2]))
    with pytest.raises(UsageError, match="one caption or more of each image"):
        measures(np.zeros((0, 0)), np.array([], "int64"))
    with pytest.raises(UsageError, match="2 of them NaN"):
        measures(np.array([[1.0, np.nan], [np.nan, 1.0]]), np.array([0, 1]))
