"""The ranking loss against a loop over triplets in float64: values, gradients, masks and choices."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.errors import UnknownNameError, UsageError
from kzoo.losses import Ranking, ranking_loss

LABEL = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5, 6])
BI_RANK = {"inter": 1.0, "intra": 0.5, "forward": 2.0, "backward": 1.0}
BI_DIRECTIONAL = {"inter": 1.0, "intra": 0.0, "forward": 1.0, "backward": 2.0}


def embeddings(seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    """Return two float64 (10, 6); rows of one label are captions of one image, so their images agree."""
    generator = np.random.default_rng(seed)
    images = generator.standard_normal((7, 6))[LABEL]
    return tf.constant(images), tf.constant(images + generator.standard_normal((10, 6)))


def unit_rows(vectors: tf.Tensor) -> list[tf.Tensor]:
    """Return each row, of length 1: the cosine of two is the sum of their products."""
    return [row / tf.norm(row) for row in tf.unstack(vectors)]


def cosine(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(first * second)


def chosen(anchor: int, first: list[tf.Tensor], second: list[tf.Tensor], ranking: Ranking) -> list[int]:
    """Return the rows that are the negatives of an anchor, in the thesis's words."""
    others = [row for row in range(len(LABEL)) if LABEL[row] != LABEL[anchor]]
    similarity = {row: first[anchor].numpy() @ second[row].numpy() for row in others}
    if ranking.negatives == "farthest":
        return sorted(others, key=similarity.__getitem__)[: ranking.count]
    positive = first[anchor].numpy() @ second[anchor].numpy()
    violating = [row for row in others if ranking.margin - positive + similarity[row] > 0]
    return sorted(violating, key=similarity.__getitem__, reverse=True)[: ranking.count]


def naive_loss(first: tf.Tensor, second: tf.Tensor, ranking: Ranking) -> tf.Tensor:
    """Return eq. 5.10, triplet by triplet."""
    total = tf.zeros((), tf.float64)
    images, texts = unit_rows(first), unit_rows(second)
    for weight, anchors, others in ((ranking.forward, images, texts), (ranking.backward, texts, images)):
        for i in range(len(LABEL)):
            positive = cosine(anchors[i], others[i])
            for j in chosen(i, anchors, others, ranking):
                across = tf.nn.relu(ranking.margin - positive + cosine(anchors[i], others[j]))
                within = tf.nn.relu(ranking.margin - positive + cosine(others[i], others[j]))
                total += weight * (ranking.inter * across + ranking.intra * within)
    return total / (len(LABEL) * ranking.count)


@pytest.mark.parametrize("weights", [BI_RANK, BI_DIRECTIONAL], ids=["bi_rank", "bi_directional"])
@pytest.mark.parametrize("negatives", ["hardest", "farthest"])
@pytest.mark.parametrize("count", [2, 9])
def test_value_and_gradient_equal_a_loop_over_triplets(weights: dict, negatives: str, count: int) -> None:
    ranking = Ranking(margin=0.3, count=count, negatives=negatives, **weights)
    first, second = embeddings()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([first, second])
        found = ranking_loss(first, second, LABEL, ranking)
        expected = naive_loss(first, second, ranking)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert float(found) > 0 or negatives == "farthest"
    zeros = tf.UnconnectedGradients.ZERO
    gradients, naive_gradients = (
        tape.gradient(value, [first, second], unconnected_gradients=zeros) for value in (found, expected)
    )
    for gradient, naive in zip(gradients, naive_gradients, strict=True):
        np.testing.assert_allclose(gradient, naive, rtol=1e-9, atol=1e-12)


def test_random_negatives_average_to_all_of_them() -> None:
    """With every possible negative taken, choosing at random is choosing all."""
    first, second = embeddings()
    label = np.arange(10)
    found = ranking_loss(first, second, label, Ranking(margin=0.3, count=9, negatives="random"))
    hardest = ranking_loss(first, second, label, Ranking(margin=0.3, count=9))
    np.testing.assert_allclose(found, hardest, rtol=1e-12)


def test_random_negatives_have_another_label() -> None:
    """Captions of one image alone: nothing may be pushed away."""
    first, second = embeddings()
    ranking = Ranking(margin=5.0, count=3, negatives="random")
    with_captions = ranking_loss(first, second, np.array([0] * 9 + [1]), ranking)
    all_different = ranking_loss(first, second, np.arange(10), ranking)
    assert 0 < float(with_captions) < float(all_different)


def test_a_hand_computed_case() -> None:
    """Two pairs, orthogonal images; the texts are swapped, so that each pair's cosine is 0, the other's 1."""
    images, texts = tf.eye(2, dtype=tf.float64), tf.constant([[0.0, 1.0], [1.0, 0.0]], tf.float64)
    found = ranking_loss(images, texts, np.array([0, 1]), Ranking(margin=0.1, count=1))
    assert float(found) == pytest.approx(1.1 * (1 + 2))


def test_lengths_do_not_matter() -> None:
    first, second = embeddings()
    ranking = Ranking(count=3, intra=0.5)
    np.testing.assert_allclose(
        ranking_loss(first * 7, second * 0.2, LABEL, ranking), ranking_loss(first, second, LABEL, ranking)
    )


def test_captions_of_one_image_are_never_negatives() -> None:
    first, second = embeddings()
    one_image = np.zeros(10, "int64")
    with tf.GradientTape() as tape:
        tape.watch(first)
        found = ranking_loss(first, second, one_image, Ranking(margin=5.0, count=3, intra=0.5))
    assert float(found) == 0
    assert not np.any(tape.gradient(found, first))


def test_published_bi_directional_row_trains_one_direction_only() -> None:
    """Table 5.3's (1, 0, 2, 0) is twice the image-to-text half."""
    first, second = embeddings()
    printed = ranking_loss(first, second, LABEL, Ranking(count=3, forward=2.0, backward=0.0))
    half = ranking_loss(second, first, LABEL, Ranking(count=3, forward=0.0, backward=1.0))
    np.testing.assert_allclose(printed, 2 * half, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_single(dtype: str) -> None:
    first, second = (tf.cast(one, dtype) for one in embeddings())
    found = ranking_loss(first, second, LABEL, Ranking(count=3))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert np.isfinite(float(found))


def test_works_in_a_graph_of_unknown_batch() -> None:
    first, second = embeddings()
    ranking = Ranking(count=3, intra=0.5)
    vectors, rows = tf.TensorSpec((None, 6), tf.float64), tf.TensorSpec((None,), tf.int64)
    traced = tf.function(
        lambda one, two, label: ranking_loss(one, two, label, ranking),
        input_signature=[vectors, vectors, rows],
    )
    np.testing.assert_allclose(traced(first, second, LABEL), ranking_loss(first, second, LABEL, ranking))


@pytest.mark.parametrize("rows", [1, 3])
def test_a_batch_smaller_than_the_negatives_is_refused(rows: int) -> None:
    first, second = embeddings()
    with pytest.raises(UsageError, match=f"a batch of {rows} "):
        ranking_loss(first[:rows], second[:rows], LABEL[:rows], Ranking(count=3))


def test_options_are_checked() -> None:
    assert Ranking.of({"count": 20, "backward": 2.0}) == Ranking(count=20, backward=2.0)
    with pytest.raises(UnknownNameError, match="did you mean margin"):
        Ranking.of({"margn": 0.1})
    with pytest.raises(UsageError, match="negatives must be one of hardest, random, farthest"):
        Ranking(negatives="nearest")
    with pytest.raises(UsageError, match="count must be 1 or more"):
        Ranking(count=0)
