"""keras.applications recast: where the picture has the classifier's own size, the classifier's features."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from kzoo.backbones.fully_convolutional import NETWORKS, fully_convolutional, weight_file
from kzoo.errors import DataError


@pytest.mark.slow
def test_vgg16_is_the_classifier_at_224_pixels_and_slides_over_more(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    classifier = keras.applications.VGG16(weights=None)
    classifier.save_weights(tmp_path / "vgg16.weights.h5")
    network = fully_convolutional("vgg16", tmp_path / "vgg16.weights.h5")
    image = np.random.default_rng(0).integers(0, 256, (1, 224, 256, 3)).astype(np.float32)
    peer = keras.Model(classifier.input, classifier.get_layer("fc2").output)
    seen = keras.applications.vgg16.preprocess_input(image.copy())
    left, right = (np.asarray(peer(seen[:, :, start : start + 224], training=False)) for start in (0, 32))
    square = np.asarray(network(image[:, :, :224], training=False))
    np.testing.assert_allclose(square, left, rtol=1e-3, atol=1e-5)
    wide = np.asarray(network(image, training=False))
    assert wide.shape == (1, NETWORKS["vgg16"].features)
    assert np.corrcoef(wide[0], (left + right)[0] / 2)[0, 1] > 0.9


@pytest.mark.slow
def test_resnet152_pools_over_any_size(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    classifier = keras.applications.ResNet152(weights=None)
    classifier.save_weights(tmp_path / "resnet.weights.h5")
    network = fully_convolutional("resnet152", tmp_path / "resnet.weights.h5")
    image = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3)).astype(np.float32)
    peer = keras.Model(classifier.input, classifier.get_layer("avg_pool").output)
    expected = np.asarray(peer(keras.applications.resnet.preprocess_input(image.copy()), training=False))
    np.testing.assert_allclose(np.asarray(network(image, training=False)), expected, rtol=1e-3, atol=1e-4)
    assert network(np.zeros((1, 224, 320, 3), np.float32)).shape == (1, 2048)


def test_weights_that_are_not_there_and_not_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"download https://.*/vgg19/vgg19_weights.*name it as vgg19:FILE"):
        weight_file("vgg19", tmp_path / "absent.h5")
    broken = tmp_path / "broken.weights.h5"
    broken.write_bytes(b"no weights")
    assert weight_file("vgg19", broken) == broken
    with pytest.raises(DataError, match=r"broken\.weights\.h5 does not hold the weights of vgg16"):
        fully_convolutional("vgg16", broken)
