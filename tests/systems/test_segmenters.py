from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo import registry
from kzoo.backbones.vgg16 import hed_weights, imagenet_weights
from kzoo.data.segment_batches import SegmentExamples
from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.systems.cfn.segmentation_evaluate import evaluate, label_maps, measure
from kzoo.systems.cfn.segmentation_task import losses

CLASSES = ("ground", "leaf", "stem")


def tiny(name: str, **options: Any) -> keras.Model:
    system = registry.find(name)
    return system.build(**{**system.tiny, "classes": len(CLASSES), **options})


def set_scores(model: keras.Model, **biases: list[float]) -> None:
    """Let each score layer answer its bias everywhere."""
    for name, bias in biases.items():
        kernel = model.get_layer(name).get_weights()[0]
        model.get_layer(name).set_weights([np.zeros_like(kernel), np.array(bias, "float32")])


SCORES = {"score_top": [1, 2, 3], "score_pool4": [10, 20, 30], "score_pool3": [100, 200, 300]}


def test_fcn8s_sums_the_three_scores() -> None:
    model = tiny("fcn8s")
    set_scores(model, **SCORES)
    logits = model(np.zeros((1, 40, 33, 3), "float32"))["logits"]
    assert logits.shape == (1, 40, 33, 3)
    np.testing.assert_allclose(logits, np.broadcast_to([111.0, 222.0, 333.0], (1, 40, 33, 3)), rtol=1e-6)


def test_fcfn_begins_with_means_and_weighs_each_place_and_class() -> None:
    model = tiny("fcfn_seg")
    set_scores(model, **SCORES)
    image = np.zeros((1, 32, 32, 3), "float32")
    np.testing.assert_allclose(model(image)["logits"][0, 0, 0], [52.75, 105.5, 158.25], rtol=1e-6)
    kernel, bias = model.get_layer("fused_3").get_weights()
    assert (kernel.shape, bias.shape) == ((4, 4, 3, 2, 1), (4, 4, 3))
    kernel[0, 0, 1], bias[0, 0, 1] = [[1], [0]], 7
    model.get_layer("fused_3").set_weights([kernel, bias])
    found = model(image)["logits"].numpy()
    np.testing.assert_allclose(found[0, 0, 0], [52.75, 207, 158.25], rtol=1e-6)
    np.testing.assert_allclose(found[0, -1, -1], [52.75, 105.5, 158.25], rtol=1e-6)


def test_fcfn_on_a_grid_takes_any_size_and_equals_itself_on_that_of_the_grid() -> None:
    keras.utils.set_random_seed(1)
    fixed = tiny("fcfn_seg", image_size=(64, 32))
    free = tiny("fcfn_seg", image_size=(None, None), fusion_grid=(64, 32))
    weights = [np.random.default_rng(0).normal(0, 0.3, one.shape) for one in fixed.get_weights()]
    fixed.set_weights(weights)
    free.set_weights(weights)
    images = np.random.default_rng(1).integers(0, 256, (2, 64, 32, 3)).astype("float32")
    np.testing.assert_allclose(free(images)["logits"], fixed(images)["logits"], rtol=1e-3, atol=1e-3)
    assert free(np.zeros((1, 50, 77, 3), "float32"))["logits"].shape == (1, 50, 77, 3)
    resized = tiny("fcfn_seg", image_size=(64, 32), fusion_grid="resize")
    assert resized.input_shape == free.input_shape
    assert [one.shape for one in resized.get_weights()] == [one.shape for one in weights]


def test_a_fixed_network_fed_another_size_names_the_option_that_allows_it() -> None:
    with pytest.raises(UsageError, match="fusion_grid 'resize'"):
        label_maps(tiny("fcfn_seg"), np.zeros((1, 64, 32, 3), np.uint8))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fcn8s", {"fusion": "mean"}, "fusion must be"),
        ("fcn8s", {"image_size": (31, 64)}, "32, the network's stride"),
        ("fcn8s", {"fusion_grid": (64, 64)}, "has none"),
        ("fcfn_seg", {"image_size": (None, None)}, "fusion_grid"),
        ("fcfn_seg", {"image_size": (None, None), "fusion_grid": "resize"}, "with an image_size"),
        ("fcfn_seg", {"fusion_grid": "any"}, "'resize'"),
        ("fcfn_seg", {"classes": 1}, "2 classes"),
        ("fcn8s", {"weights": "trunk"}, "blocks"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tiny(name, **options)


def test_trunk_takes_the_convolutions_of_hed() -> None:
    blocks = registry.find("fcn8s").options["blocks"]
    model = tiny("fcn8s", blocks=blocks, weights="trunk")
    name, (kernel, bias) = next(iter(hed_weights()))
    np.testing.assert_array_equal(model.get_layer(name).get_weights()[0], kernel)
    np.testing.assert_array_equal(model.get_layer(name).get_weights()[1], bias)


@pytest.mark.slow
def test_imagenet_weights_come_with_the_classifier_as_convolutions(tmp_path: Path) -> None:
    classifier = keras.applications.VGG16(weights=None)
    path = tmp_path / "vgg16.weights.h5"
    classifier.save_weights(path)
    blocks = registry.find("fcn8s").options["blocks"]
    model = tiny("fcn8s", blocks=blocks, top_units=4096, top_kernel=7, weights=str(path), dropout=0.0)
    features = keras.Model(model.input, model.get_layer("fc7").output)
    pooled = np.random.default_rng(0).normal(0, 1, (1, 7, 7, 512)).astype("float32")
    fc6, fc7 = model.get_layer("fc6"), model.get_layer("fc7")
    expected = classifier.get_layer("fc2")(classifier.get_layer("fc1")(pooled.reshape(1, -1)))
    np.testing.assert_allclose(fc7(fc6(pooled))[:, 3, 3], expected, rtol=1e-3, atol=1e-4)
    assert features.output_shape[-1] == 4096


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.h5"):
        next(imagenet_weights(tmp_path / "nothing.h5"))


def examples() -> SegmentExamples:
    images = np.zeros((2, 32, 32, 3), np.uint8)
    labels = np.zeros((2, 32, 32), np.uint8)
    labels[0, :16], labels[1, 0] = 2, 255
    return SegmentExamples(images, labels, CLASSES, np.array(["a", "b"]))


def test_evaluate_by_hand() -> None:
    model = tiny("fcn8s")
    set_scores(model, score_top=[0, 0, 5], score_pool4=[0, 0, 0], score_pool3=[0, 0, 0])
    found = evaluate(model, examples())
    counted = 2 * 32 * 32 - 32
    right = 16 * 32
    assert found == pytest.approx(
        {
            "mean_iou_percent": 100 * (0 + right / counted) / 2,
            "pixel_accuracy_percent": 100 * right / counted,
            "class_accuracy_percent": 50.0,
            "iou_percent_ground": 0.0,
            "iou_percent_stem": 100 * right / counted,
        }
    )
    data = examples()
    with pytest.raises(UsageError, match="its image's size"):
        measure(model, data.images, data.labels[:, 1:], CLASSES)


def test_a_small_image_is_refused_by_what_takes_any_size() -> None:
    system, model = registry.find("fcn8s"), tiny("fcn8s")
    answer = system.signatures(model, CLASSES)["serving_default"].function
    small = tf.io.encode_png(np.zeros((40, 20, 3), np.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError, match="40 x 20 pixels; expected 32"):
        answer(small[None])
    with pytest.raises(UsageError, match="3 outputs"):
        system.signatures(model, ("ground", "leaf"))


def test_unknown_options_of_the_loss_are_named() -> None:
    with pytest.raises(UnknownNameError, match="gamma"):
        losses({}, {}, {"gamma": 1})


def test_published_counts_and_numbers() -> None:
    sums, weighs = registry.find("fcn8s"), registry.find("fcfn_seg")
    assert sums.parameters == 14_714_688 + 119_545_856 + 102_207
    assert weighs.parameters - sums.parameters == (4 * 4 + 8 * 8) * 21 * 3
    assert [one.published[0].value for one in (sums, weighs)] == [57.1, 60.3]
