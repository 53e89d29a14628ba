"""DeepIndex by hand: patches, words, entries, idf, votes of one, two and three features, signatures, PCA."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kzoo.errors import DataError, UsageError
from kzoo.systems.deepindex.codebook import Codebook
from kzoo.systems.deepindex.inverted import InvertedIndex
from kzoo.systems.deepindex.pyramid import PATCHES, patch_boxes, pyramid
from kzoo.systems.deepindex.signature import Signatures, root_feature
from kzoo.systems.deepindex.vectors import PrincipalComponents, unit_length


@given(st.integers(3, 50), st.integers(3, 50))
def test_each_level_covers_every_pixel_once(height: int, width: int) -> None:
    boxes = patch_boxes(height, width)
    assert len(boxes) == PATCHES == 14
    for level, start in ((1, 0), (2, 1), (3, 5)):
        covered = np.zeros((height, width), int)
        for top, left, bottom, right in boxes[start : start + level * level]:
            covered[top:bottom, left:right] += 1
        assert (covered == 1).all()


def test_patches_come_level_by_level_from_the_top_left() -> None:
    image = np.arange(6 * 6 * 3, dtype=np.uint8).reshape(6, 6, 3)
    patches = pyramid(image)
    np.testing.assert_array_equal(patches[0], image)
    np.testing.assert_array_equal(patches[2], image[:3, 3:])
    np.testing.assert_array_equal(patches[13], image[4:, 4:])


def test_an_image_too_small_for_the_third_level() -> None:
    with pytest.raises(DataError, match="2 x 9 pixels cannot be divided into 3 x 3"):
        pyramid(np.zeros((2, 9, 3), np.uint8))
    with pytest.raises(DataError, match=r"\(9, 9\)"):
        pyramid(np.zeros((9, 9), np.uint8))


def test_nearest_words_and_ties() -> None:
    codebook = Codebook(np.array([[0, 0], [2, 0], [0, 2], [5, 5]], np.float32))
    asked = np.array([[[0.9, 0.1], [1, 1]]], np.float32)
    np.testing.assert_array_equal(codebook.nearest(asked), [[[0], [0]]])
    np.testing.assert_array_equal(codebook.nearest(asked, 3), [[[0, 1, 2], [0, 1, 2]]])
    with pytest.raises(UsageError, match="1 to 4"):
        codebook.nearest(asked, 5)
    with pytest.raises(UsageError, match="3 dimensions"):
        codebook.nearest(np.zeros((1, 3), np.float32))


def test_trained_words_are_the_centres_of_clusters() -> None:
    centres = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    noise = np.random.default_rng(0).normal(0, 0.1, (3, 50, 2)).astype(np.float32)
    points = (centres[:, None] + noise).reshape(-1, 2)
    found = Codebook.train(points, 3).centres
    nearest = Codebook(found).nearest(centres)[:, 0]
    np.testing.assert_allclose(found[nearest], points.reshape(3, 50, 2).mean(axis=1), atol=0.02)
    with pytest.raises(UsageError, match="1 to 2"):
        Codebook.train(np.array([[0], [1], [1]], np.float32), 3)


# Three images of two patches. Word 0 is in images 0 and 1, twice in 0; word 1 in 1; word 2 in 2, twice.
WORDS = np.array([[0, 0], [0, 1], [2, 2]])[..., None]


def test_votes_of_one_feature() -> None:
    index = InvertedIndex.build(WORDS, (4,))
    assert len(index) == 3
    np.testing.assert_allclose(index.idf(), [3 / 2, 3, 3])
    query = np.array([[[[0]], [[1]]]])
    np.testing.assert_allclose(index.votes(query), [[2 * 1.5**2, 1.5**2 + 9, 0]])


def test_votes_by_the_logarithm() -> None:
    index = InvertedIndex.build(WORDS, (4,), "log")
    np.testing.assert_allclose(index.idf(), np.log([3 / 2, 3, 3]))
    query = np.array([[[[0]], [[1]]]])
    rare, common = np.log(3) ** 2, np.log(1.5) ** 2
    np.testing.assert_allclose(index.votes(query), [[2 * common, common + rare, 0]])
    np.testing.assert_allclose(index.weights_of(np.array([[0], [1], [3]])), [common, rare, 0])
    with pytest.raises(UsageError, match="idf is 'tf'"):
        InvertedIndex.build(WORDS, (4,), "tf")


def test_multiple_assignment_looks_into_every_word_once() -> None:
    index = InvertedIndex.build(WORDS, (4,))
    query = np.array([[[[0, 2]], [[3, 1]]]])
    np.testing.assert_allclose(index.votes(query), [[2 * 1.5**2, 1.5**2 + 9, 2 * 9]])


def test_two_features_must_both_match() -> None:
    words = np.array([[[0, 0], [1, 1]], [[0, 1], [1, 1]]])
    index = InvertedIndex.build(words, (2, 2))
    query = np.array([[[[0], [0]]]])
    np.testing.assert_allclose(index.votes(query), [[4.0, 0.0]])
    both = np.array([[[[0, 1], [0, 1]]]])
    np.testing.assert_allclose(index.votes(both), [[4 + 1, 4 + 1]])


def by_definition(words: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Sum idf^2 over pairs of matching patches, one by one."""
    images, features = len(words), words.shape[2]
    scores = np.zeros(images)
    for patch in query:
        for entry in itertools.product(*(patch[feature] for feature in range(features))):
            matching = (words == entry).all(axis=2)
            holding = matching.any(axis=1).sum()
            if holding:
                scores += matching.sum(axis=1) * (images / holding) ** 2
    return scores


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 3), st.integers(1, 2))
def test_votes_are_those_of_the_definition(data: st.DataObject, features: int, assignments: int) -> None:
    size = 3
    words = data.draw(arrays.arrays(np.int64, (4, 3, features), elements=st.integers(0, size - 1)))
    choices = st.permutations(range(size))
    query = np.array(
        [[data.draw(choices)[:assignments] for _ in range(features)] for _ in range(2)], np.int64
    )
    found = InvertedIndex.build(words, (size,) * features).votes(query[None])[0]
    np.testing.assert_allclose(found, by_definition(words, query))


@pytest.mark.parametrize(
    ("words", "sizes", "message"),
    [
        (np.zeros((0, 2, 1), int), (3,), "N at least 1"),
        (np.zeros((1, 2, 2), int), (3,), r"\(N, P, 1\)"),
        (np.full((1, 2, 1), 3), (3,), "not in its codebook"),
        (np.full((1, 2, 1), -1), (3,), "not in its codebook"),
        (np.zeros((1, 2, 5), int), (10_000,) * 5, "more combinations"),
    ],
)
def test_words_that_cannot_be(words: np.ndarray, sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        InvertedIndex.build(words, sizes)


def test_signature_by_hand() -> None:
    np.testing.assert_allclose(root_feature([1.0, 3.0]), [0.5, np.sqrt(0.75)])
    np.testing.assert_allclose(root_feature([-1.0, 3.0]), [-0.5, np.sqrt(0.75)])
    images = Signatures([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    np.testing.assert_allclose(images.distances([[5.0, 0.0]]), [[0, 2, 2 - 2 * np.sqrt(0.5)]], atol=1e-6)
    with pytest.raises(UsageError, match="not zero"):
        root_feature([0.0, 0.0])


@pytest.mark.parametrize(("kept_as", "bytes_each", "error"), [("float16", 2, 2e-3), ("int8", 1, 2e-2)])
def test_small_signatures_keep_distances(kept_as: str, bytes_each: int, error: float) -> None:
    vectors = np.random.default_rng(1).normal(size=(20, 64))
    whole, small = Signatures(vectors), Signatures(vectors, kept_as)
    assert small.nbytes <= 20 * 64 * bytes_each + 20 * 4
    np.testing.assert_allclose(small.distances(vectors), whole.distances(vectors), atol=error)


def test_principal_components_keep_what_varies_most() -> None:
    generator = np.random.default_rng(2)
    plane = generator.normal(size=(200, 2)) @ generator.normal(size=(2, 10)) + 20 * np.eye(10)[0]
    fitted = PrincipalComponents.fit(plane.astype(np.float32), 3)
    np.testing.assert_allclose(fitted.components @ fitted.components.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(fitted.mean, unit_length(plane).mean(axis=0), atol=1e-6)
    expected = (unit_length(plane) - fitted.mean) @ fitted.components.T
    np.testing.assert_allclose(fitted(plane), unit_length(expected), atol=1e-6)
    with pytest.raises(UsageError, match="11 components"):
        PrincipalComponents.fit(plane.astype(np.float32), 11)


def test_vectors_without_direction() -> None:
    with pytest.raises(UsageError, match=r"2 of 3 .* the first at \[1\]"):
        unit_length([[1.0, 0.0], [0.0, 0.0], [np.nan, 1.0]])
