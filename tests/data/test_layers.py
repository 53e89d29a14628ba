from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kzoo.data.builders.house_emoji_layers import CLASSES, label_map, layer_opacity, outline
from kzoo.data.layers import LayerSource, open_layers
from kzoo.errors import DataError, UnknownNameError, UsageError

SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">
  <g id="grid"><rect width="8" height="8" fill="#ff0000"/></g>
  <g id="color"><rect x="0" y="0" width="6" height="8" fill="#ffff00"/></g>
  <g id="hair"><rect x="2" y="0" width="1" height="8" fill="#330000"/></g>
  <g id="skin"><rect x="3" y="0" width="1" height="8" fill="#ffccaa"/></g>
  <g id="skin-shadow"><rect x="4" y="0" width="1" height="8" fill="#ddaa88"/></g>
  <g id="line-2"><rect x="4" y="4" width="4" height="1"/></g>
</svg>"""


def test_layers_by_hand() -> None:
    row = [1, 1, 2, 3, 3, 1, 0, 0]
    expected = np.tile(np.array(row, np.uint8), (8, 1))
    expected[4, 4:] = 4
    np.testing.assert_array_equal(label_map(SVG, 8), expected)
    lines = np.zeros((8, 8), np.uint8)
    lines[4, 4:] = 255
    np.testing.assert_array_equal(outline(SVG, 8), lines)
    assert layer_opacity(SVG, ("skin-shadow",), 8)[0].tolist() == [0, 0, 0, 0, 255, 0, 0, 0]


def test_what_is_no_svg_is_named() -> None:
    with pytest.raises(DataError, match="'not a drawing'"):
        outline("not a drawing", 8)


@pytest.fixture(scope="module")
def source() -> LayerSource:
    return open_layers(image_size_hint=64)


def test_splits_are_those_of_the_emoji_and_pictures_lie_over_their_labels(source: LayerSource) -> None:
    assert {name: split.examples for name, split in source.splits.items()} == {
        "train": 1029,
        "validation": 200,
        "test": 400,
    }
    assert source.classes == CLASSES
    arrays = source.arrays("validation", image_size=(64, 64))
    assert arrays.color.shape == (200, 64, 64, 3)
    assert arrays.labels.shape == arrays.outline.shape == (200, 64, 64)
    assert len(set(arrays.ids)) == len(arrays) == 200
    background = arrays.color[(arrays.labels == 0) & (arrays.outline == 0)]
    assert np.median(background, axis=0).tolist() == [255, 255, 255]
    assert arrays.color[arrays.labels == 4].mean() < 60
    np.testing.assert_array_equal(arrays.labels == 4, arrays.outline >= 128)
    assert set(np.unique(arrays.labels)) <= set(range(len(CLASSES)))


def test_other_sizes_keep_whole_labels(source: LayerSource) -> None:
    small = source.arrays("validation", image_size=(48, 40))
    assert small.color.shape == (200, 48, 40, 3)
    assert set(np.unique(small.labels)) == set(
        np.unique(source.arrays("validation", image_size=(64, 64)).labels)
    )


def test_what_cannot_be_opened(source: LayerSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError):
        open_layers("house/layers")
    with pytest.raises(UsageError, match="image_size_hint is 0"):
        open_layers(image_size_hint=0)
    with pytest.raises(UnknownNameError):
        source.arrays("training", image_size=(64, 64))
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    with pytest.raises(DataError, match="at 128 px is not built"):
        open_layers(image_size_hint=100, build=False)
