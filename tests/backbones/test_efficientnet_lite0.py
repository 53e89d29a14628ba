"""EfficientNet-Lite0 on photographs: ImageNet classes, and features as NumPy computes them in float64."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from kzoo.backbones import efficientnet_lite0
from kzoo.errors import DataError

# ImageNet's number of what is seen, and the first features and their sum by an independent forward pass.
PHOTOGRAPHS = {
    "skimage/data/chelsea.png": (285, [0.14217, 0.01907, 0.0, 0.21203, 1.74358], 164.62944),
    "skimage/data/coffee.png": (967, [0.08115, 0.61229, 1.32911, 0.0, 0.01935], 183.31485),
    "sklearn/datasets/images/flower.jpg": (985, [0.0, 0.04994, 0.0301, 0.0, 0.0], 237.51932),
    "skimage/data/rocket.jpg": (657, [0.2752, 0.47438, 0.6062, 0.29768, 0.01903], 177.64294),
}
"""Egyptian cat, espresso, daisy, missile."""


def photograph(name: str) -> np.ndarray:
    package, _, inside = name.partition("/")
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    with Image.open(Path(spec.submodule_search_locations[0]) / inside) as opened:
        image = opened.convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BICUBIC)
    return np.asarray(square, np.float32)


@pytest.fixture(scope="module")
def classifier() -> keras.Model:
    return efficientnet_lite0.pretrained(top=True)


def test_classes_and_features_of_photographs(classifier: keras.Model) -> None:
    images = np.stack([photograph(name) for name in PHOTOGRAPHS])
    both = keras.Model(classifier.input, [classifier.output, classifier.get_layer("features").output])
    logits, features = (np.asarray(one) for one in both(images, training=False))
    for (label, first, total), seen, found in zip(PHOTOGRAPHS.values(), logits, features, strict=True):
        assert seen.argmax() == label
        np.testing.assert_allclose(found[:5], first, atol=1e-4)
        assert found.sum() == pytest.approx(total, abs=1e-2)


def test_size(classifier: keras.Model) -> None:
    assert sum(int(np.prod(weight.shape)) for weight in classifier.trainable_weights) == 4_652_008
    assert efficientnet_lite0.efficientnet_lite0().output.shape == (None, efficientnet_lite0.FEATURES)


def test_another_weight_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / efficientnet_lite0.PACKAGE
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / efficientnet_lite0.FILE).write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match=f"expected SHA-256 {efficientnet_lite0.SHA256}"):
        efficientnet_lite0.pretrained()
