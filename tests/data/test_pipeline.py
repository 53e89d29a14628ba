"""The input stream: a function of (seed, step) that loses nothing and starts anywhere."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kzoo.data.pipeline import Examples, crop_flip, evaluation_batches, indices_of_step, training_batches
from kzoo.errors import DataError, UsageError
from kzoo.layers import global_contrast_normalize


def examples(count: int) -> Examples:
    random = np.random.default_rng(count)
    images = random.integers(0, 256, (count, 6, 7, 3), dtype=np.uint8)
    return Examples(images, np.arange(count), np.array([f"id{i}" for i in range(count)]))


def stream(count: int, steps: int, **options) -> list[tuple[np.ndarray, np.ndarray]]:
    settings_ = {"batch_size": 4, "seed": 1, "normalization": "none", **options}
    data = training_batches(examples(count), **settings_).take(steps)
    return [(image.numpy(), label.numpy()) for image, label in data]


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(1, 23),
    first=st.integers(0, 40),
    augmentation=st.sampled_from(["none", "pad_crop_flip"]),
)
def test_a_stream_that_starts_later_is_the_rest_of_the_stream(
    count: int, first: int, augmentation: str
) -> None:
    whole = stream(count, first + 3, augmentation=augmentation, padding=2)
    rest = stream(count, 3, augmentation=augmentation, padding=2, first_step=first)
    for (image, label), (same_image, same_label) in zip(whole[first:], rest, strict=True):
        np.testing.assert_array_equal(image, same_image)
        np.testing.assert_array_equal(label, same_label)


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 30), passes=st.integers(1, 4), seed=st.integers(0, 1000))
def test_every_pass_shows_every_example_once(count: int, passes: int, seed: int) -> None:
    labels = np.concatenate([label for _, label in stream(count, count * passes, batch_size=1, seed=seed)])
    for one_pass in labels.reshape(passes, count):
        assert sorted(one_pass) == list(range(count))


def test_passes_and_seeds_have_orders_of_their_own() -> None:
    labels = np.concatenate([label for _, label in stream(40, 20)])
    other = np.concatenate([label for _, label in stream(40, 20, seed=2)])
    assert list(labels[:40]) != list(labels[40:])
    assert list(labels[:40]) != list(other[:40])


def test_images_are_normalised_by_the_one_definition() -> None:
    data = examples(4)
    (image, label), *_ = stream(4, 1, normalization="global_contrast")
    np.testing.assert_array_equal(image, global_contrast_normalize(data.images[label].astype("float32")))


def test_indices_of_a_step_are_those_of_its_batch() -> None:
    batches = stream(11, 9)
    found = indices_of_step(11, batch_size=4, seed=1, step=8)
    np.testing.assert_array_equal(found, batches[8][1])


def test_crop_flip_of_padded_images_by_hand() -> None:
    image = tf.reshape(tf.range(1.0, 5.0), (1, 2, 2, 1))  # 1 2 / 3 4
    images = tf.pad(tf.repeat(image, 3, axis=0), [[0, 0], [1, 1], [1, 1], [0, 0]])
    draws = (tf.constant([1, 0, 2]), tf.constant([1, 1, 2]), tf.constant([False, False, True]))
    cropped = crop_flip(images, draws, (2, 2)).numpy()[..., 0]
    np.testing.assert_array_equal(cropped[0], [[1, 2], [3, 4]])  # the window is where the image is
    np.testing.assert_array_equal(cropped[1], [[0, 0], [1, 2]])  # one row up
    np.testing.assert_array_equal(cropped[2], [[0, 4], [0, 0]])  # one down, one right, then flipped


def test_augmentation_draws_all_offsets_and_flips_half() -> None:
    ramp = np.zeros((400, 3, 3, 3), np.uint8)
    ramp[:, 1, 1], ramp[:, 1, 2] = 100, 200
    data = Examples(ramp, np.zeros(400, np.int64), np.arange(400).astype(str))
    (images, _), *_ = training_batches(
        data, batch_size=400, seed=0, normalization="none", augmentation="pad_crop_flip", padding=1
    ).take(1)
    tops = {tuple(np.argwhere(image[..., 0] == 100)[0]) for image in images.numpy() if (image == 100).any()}
    assert len(tops) == 9
    both = [image for image in images.numpy()[..., 0] if (image == 100).any() and (image == 200).any()]
    flipped = np.mean([np.argmax(i == 200) < np.argmax(i == 100) for i in both])
    assert 0.4 < flipped < 0.6


def test_evaluation_keeps_the_order_and_the_last_short_batch() -> None:
    batches = list(evaluation_batches(examples(7), batch_size=4, normalization="none"))
    assert [len(label) for _, label in batches] == [4, 3]
    np.testing.assert_array_equal(np.concatenate([label for _, label in batches]), np.arange(7))


def test_wrong_arrays_and_names_are_refused() -> None:
    good = {"image": np.zeros((2, 4, 4, 3), np.uint8), "label": np.zeros(2), "id": np.array(["a", "b"])}
    with pytest.raises(DataError, match="float32"):
        Examples.of({**good, "image": good["image"].astype("float32")})
    with pytest.raises(DataError, match="2 images, 1 labels"):
        Examples.of({**good, "label": np.zeros(1)})
    with pytest.raises(DataError, match="0 images"):
        Examples.of({"image": good["image"][:0], "label": np.zeros(0), "id": np.array([])})
    with pytest.raises(UsageError, match="augmentation"):
        stream(3, 1, augmentation="mixup")
    with pytest.raises(UsageError, match="normalization"):
        stream(3, 1, normalization="local")
