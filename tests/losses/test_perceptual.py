"""The perceptual distance beside the trunk of VGG-16 that it takes its features from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kzoo.backbones.vgg16 import pretrained
from kzoo.errors import DataError
from kzoo.losses.perceptual import perceptual_distance


def test_it_is_the_squared_difference_of_the_third_blocks_features() -> None:
    one, other = np.random.default_rng(0).uniform(-1, 1, (2, 2, 18, 22, 3)).astype("float32")
    trunk = pretrained()
    features = [trunk((picture + 1) * 127.5)["block3"].numpy() / 255 for picture in (one, other)]
    expected = np.mean((features[0] - features[1]) ** 2)
    assert expected > 1e-4  # of noise beside noise it is 1e-3
    assert float(perceptual_distance(one, other)) == pytest.approx(expected, rel=1e-4)
    assert float(perceptual_distance(one, one)) == 0


def test_pictures_come_nearer_along_its_gradient() -> None:
    one, other = np.random.default_rng(1).uniform(-1, 1, (2, 1, 16, 16, 3))
    picture = tf.Variable(one)
    with tf.GradientTape() as tape:
        distance = perceptual_distance(picture, tf.constant(other))
    gradient = tape.gradient(distance, picture)
    assert distance.dtype == tf.float64
    step = picture - 1e-3 * gradient / tf.reduce_max(tf.abs(gradient))
    assert float(perceptual_distance(step, tf.constant(other))) < float(distance)


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    picture = np.zeros((1, 8, 8, 3), "float32")
    with pytest.raises(DataError, match="nowhere"):
        perceptual_distance(picture, picture, str(tmp_path / "nowhere.h5"))
