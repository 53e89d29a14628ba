"""AlexNet and VGG-19: sizes, published weights in both layouts, and no foreign code from a pickle."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.layers.local_response_normalization import LocalResponseNormalization
from kzoo.systems.deepindex.alexnet_weights import NAMES, TORCH, read_alexnet
from kzoo.systems.deepindex.features import PatchEncoder, patch_features
from kzoo.systems.deepindex.network import TOWERS, build_alexnet, build_vgg19, load_alexnet, load_vgg19


def test_published_sizes() -> None:
    assert build_alexnet().count_params() == 61_100_840
    assert build_alexnet(towers=2, image_size=(227, 227)).count_params() == 60_965_224
    with pytest.raises(UsageError, match="1 or 2 towers; received 3"):
        build_alexnet(towers=3)


def test_shapes_through_alexnet() -> None:
    for towers, variant in TOWERS.items():
        model = build_alexnet(towers=towers, image_size=variant.image_size, units=8, classes=5)
        shapes = [model.get_layer(name).output.shape[1] for name in ("conv1", "pool1", "pool2", "pool5")]
        assert shapes == [55, 27, 13, 6]


def test_vgg19_is_that_of_keras_applications_at_any_width() -> None:
    slim = build_vgg19(
        image_size=(32, 32), blocks=((2, 4), (2, 4), (4, 4), (4, 4), (4, 4)), units=8, classes=3
    )
    published = keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 32, 3))
    assert [layer.name for layer in slim.layers if "block" in layer.name] == [
        layer.name for layer in published.layers if "block" in layer.name
    ]
    convolutions = [layer.count_params() for layer in published.layers]
    sizes = [(25_088 + 1) * 4096, (4096 + 1) * 4096, (4096 + 1) * 1000]
    assert sum(convolutions) + sum(sizes) == 143_667_240


def test_local_response_normalization_by_hand() -> None:
    x = np.arange(1.0, 5.0, dtype=np.float32)
    layer = LocalResponseNormalization(radius=1, bias=2.0, alpha=0.5, beta=0.75)
    squares = [1 + 4, 1 + 4 + 9, 4 + 9 + 16, 9 + 16]
    expected = [value / (2 + 0.5 * total) ** 0.75 for value, total in zip(x, squares, strict=True)]
    np.testing.assert_allclose(np.asarray(layer(x[None, None, None]))[0, 0, 0], expected, rtol=1e-6)
    again = LocalResponseNormalization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def arrays_of(model: keras.Model) -> dict[str, list[np.ndarray]]:
    return {name: model.get_layer(name).get_weights() for name in NAMES}


@pytest.fixture(scope="module")
def caffe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a whole two-tower network as bvlc_alexnet.npy has them."""
    keras.utils.set_random_seed(1)
    arrays = arrays_of(build_alexnet(towers=2, image_size=(227, 227), classes=1000))
    layers = {"fc8" if name == "logits" else name: parts for name, parts in arrays.items()}
    path = tmp_path_factory.mktemp("caffe") / "bvlc_alexnet.npy"
    np.save(path, np.array(layers, object), allow_pickle=True)
    return path


def test_caffes_layout(caffe_file: Path) -> None:
    model = load_alexnet(227, caffe_file)
    expected = np.load(caffe_file, allow_pickle=True).item()
    for name, parts in arrays_of(model).items():
        np.testing.assert_array_equal(parts[0], expected["fc8" if name == "logits" else name][0])
    with pytest.raises(DataError, match="does not fit AlexNet at 300 pixels, fc6"):
        load_alexnet(300, caffe_file)


def test_torchs_layout_turns_fc6(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    channels, units = 3, 5
    kernel = generator.normal(size=(units, channels * 36)).astype(np.float32)
    shapes = {"conv1": (4, 3, 11, 11), "conv2": (6, 4, 5, 5), "logits": (7, 5)}
    arrays: dict[str, Any] = {}
    for name, place in zip(NAMES, TORCH, strict=True):
        value = kernel if name == "fc6" else generator.normal(size=shapes.get(name, (5, 5)))
        arrays |= {f"{place}.weight": value, f"{place}.bias": np.zeros(len(value))}
    path = tmp_path / "alexnet.pth"
    path.touch()
    monkeypatch.setattr("kzoo.systems.deepindex.alexnet_weights.read_torch_archive", lambda _: arrays)
    found = read_alexnet(path)
    pooled = generator.normal(size=(channels, 6, 6)).astype(np.float32)
    expected = kernel @ pooled.ravel()
    np.testing.assert_allclose(pooled.transpose(1, 2, 0).ravel() @ found["fc6"][0], expected, rtol=1e-4)
    np.testing.assert_array_equal(found["conv1"][0][1, 2, 0], arrays["features.0.weight"][:, 0, 1, 2])
    del arrays["features.3.bias"]
    with pytest.raises(DataError, match=r"no features\.3\.weight and \.bias"):
        read_alexnet(path)


class Dangerous:
    """What a pickle could call."""

    def __reduce__(self) -> tuple[Any, ...]:
        return math.factorial, (3,)


def test_files_that_are_no_alexnet(tmp_path: Path) -> None:
    dangerous, other, text = (tmp_path / name for name in ("a.npy", "b.npy", "c.npy"))
    np.save(dangerous, np.array({"conv1": Dangerous()}, object), allow_pickle=True)
    np.save(other, np.array({"conv1": [1, 2]}, object), allow_pickle=True)
    text.write_text("no array")
    with pytest.raises(DataError, match=r"names math\.factorial"):
        read_alexnet(dangerous)
    with pytest.raises(DataError, match="conv2"):
        read_alexnet(other)
    with pytest.raises(DataError, match=r"c\.npy cannot be read"):
        read_alexnet(text)
    with pytest.raises(DataError, match="there is no file"):
        read_alexnet(tmp_path / "absent.npy")
    with pytest.raises(DataError, match=r"as \.pth or \.npy"):
        read_alexnet(tmp_path / "weights.bin")
    with pytest.raises(DataError, match=r"keras\.applications' weights"):
        load_vgg19(224, tmp_path / "absent.h5")


def test_features_of_patches_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    images = np.random.default_rng(0).integers(0, 256, (3, 70, 80, 3), np.uint8)
    asked: list[int] = []

    def image(number: int) -> np.ndarray:
        asked.append(number)
        return images[number]

    encoder = PatchEncoder("efficientnet_lite0", ("block_10_project_norm", "features"), 32)
    first = patch_features(encoder, image, 3, "some images")
    assert {name: array.shape for name, array in first.items()} == {
        "block_10_project_norm": (3, 14, 112),
        "features": (3, 14, 1280),
    }
    again = patch_features(encoder, image, 3, "some images")
    assert asked == [0, 1, 2]
    np.testing.assert_array_equal(first["features"], again["features"])
    patch_features(encoder, image, 3, "other images")
    assert asked == [0, 1, 2, 0, 1, 2]


def test_patch_features_are_those_of_each_patch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    image = np.full((96, 96, 3), 255, np.uint8)
    image[:32, :32] = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    encoder = PatchEncoder("efficientnet_lite0", ("features",), 32)
    found = patch_features(encoder, lambda _: image, 1, "one")["features"][0]
    alone = encoder.model()(image[None, :32, :32].astype(np.float32))["features"]
    np.testing.assert_allclose(found[5], np.asarray(alone)[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(found[6], found[13])


def test_encoders_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown network 'alexnett'"):
        PatchEncoder("alexnett", ("fc6",))
    with pytest.raises(UsageError, match="a file of weights for alexnet"):
        PatchEncoder("alexnet", ("fc6",))
    with pytest.raises(UsageError, match="no file of weights"):
        PatchEncoder("vgg16_hed", ("block5_conv3",), weights=tmp_path / "x")
    with pytest.raises(UnknownNameError, match="unknown layer of efficientnet_lite0 'feature'"):
        PatchEncoder("efficientnet_lite0", ("feature",), 32).model()
