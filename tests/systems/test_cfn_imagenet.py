from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from kzoo import registry
from kzoo.errors import UsageError
from kzoo.systems.cfn.imagenet import build_imagenet_classifier
from kzoo.training.models import freeze, with_classes
from kzoo.training.tasks import find_task

STAGES = 2 * (9 * 64 * 64) + 9 * (64 * 128 + 128 * 128) + 9 * (128 * 256 + 256 * 256)
CONVOLUTIONS = 7 * 7 * 3 * 64 + STAGES + 9 * (256 * 512 + 512 * 512) + 512 * 1024
NORMS = 2 * (64 + 2 * (64 + 128 + 256 + 512) + 1024)
CLASSIFIER = 1000 * (1024 + 1)
SIDES = (64 + 128 + 256) * 1024
SIDE_NORMS = 3 * 2 * 1024
FUSION = 1024 * (4 + 1)
SMALL = {"widths": (4, 6, 8, 10), "branch_channels": 12, "image_size": (48, 48), "classes": 5}


def small(name: str, **options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    return registry.find(name).build(**{**SMALL, **options})


def pictures(count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 60, (count, 48, 48, 3)).astype("float32")


def test_parameters_add_up_as_the_thesis_counts_them() -> None:
    counts = {name: registry.find(name).parameters for name in ("cnn_11", "cfn_11", "dsn_11", "resnet_11")}
    assert counts["cnn_11"] == CONVOLUTIONS + NORMS + CLASSIFIER
    assert SIDES + SIDE_NORMS + FUSION == 470_016
    normalization_of_fusion = 2 * 1024
    assert counts["cfn_11"] - counts["cnn_11"] == 470_016 + normalization_of_fusion
    assert counts["dsn_11"] - counts["cnn_11"] == SIDES + SIDE_NORMS + 3 * CLASSIFIER
    shortcuts = 64 * 128 + 128 * 256 + 256 * 512 + 2 * (128 + 256 + 512)
    assert counts["resnet_11"] - counts["cnn_11"] == shortcuts


@pytest.mark.parametrize(("name", "layers"), [("cnn_11", 11), ("cfn_11", 11), ("cnn_19", 19), ("cfn_19", 19)])
def test_depth_is_that_of_the_name(name: str, layers: int) -> None:
    sides = ("side_1_conv", "side_2_conv", "side_3_conv")
    deep = [
        layer
        for layer in small(name).layers
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense) and layer.name not in sides
    ]
    assert len(deep) == layers


def test_maps_halve_five_times_from_224() -> None:
    model = registry.find("cfn_11").build(widths=(4, 6, 8, 10), branch_channels=12)
    sizes = [model.get_layer(name).output.shape[1] for name in ("conv1", "pool1", "pool2", "pool3", "pool4")]
    assert sizes == [112, 56, 28, 14, 7]


def test_fusion_starts_at_a_quarter_each_and_predicts_from_their_mean() -> None:
    model = small("cfn_11")
    np.testing.assert_array_equal(model.get_layer("fusion").branch_weights(), np.full((12, 4), 0.25))
    names = ["side_1", "side_2", "side_3", "main", "fusion"]
    inner = keras.Model(model.input, [model.get_layer(name).output for name in names])
    *branches, fused = (np.asarray(one) for one in inner(pictures()))
    np.testing.assert_allclose(fused, np.mean(branches, axis=0), rtol=1e-5, atol=1e-6)


def test_a_residual_connection_is_what_a_stage_adds_to() -> None:
    model = small("resnet_11")
    names = ["pool1", "conv2_2_norm", "conv2_2_relu", "conv3_shortcut_norm", "conv3_2_norm", "conv3_2_relu"]
    inner = keras.Model(model.input, [model.get_layer(name).output for name in names])
    found = dict(zip(names, (np.asarray(one) for one in inner(pictures())), strict=True))
    np.testing.assert_allclose(
        found["conv2_2_relu"], np.maximum(found["pool1"] + found["conv2_2_norm"], 0), atol=1e-5
    )
    expected = np.maximum(found["conv3_shortcut_norm"] + found["conv3_2_norm"], 0)
    np.testing.assert_allclose(found["conv3_2_relu"], expected, atol=1e-5)


def test_deep_supervision_adds_the_cross_entropy_of_every_branch() -> None:
    system, model = registry.find("dsn_11"), small("dsn_11")
    labels = np.array([0, 1, 2, 3])
    recipe = list(system.recipes.values())[-1]
    fitted = find_task("classification").compile(model, system, recipe, keras.optimizers.SGD(0.0), None)
    logs = fitted.train_on_batch(pictures(), labels, return_dict=True)
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    outputs = model(pictures(), training=True)
    assert sorted(outputs) == ["logits", "side_1_logits", "side_2_logits", "side_3_logits"]
    expected = sum(float(entropy(labels, logits)) for logits in outputs.values())
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)
    accuracy = float(np.mean(np.argmax(outputs["logits"], axis=1) == labels))
    assert logs["accuracy"] == pytest.approx(accuracy)


def test_new_classes_replace_every_head_and_the_trunk_leaves_them_free() -> None:
    model = with_classes(small("dsn_11"), 3)
    assert sorted(model.output) == ["logits", "side_1_logits", "side_2_logits", "side_3_logits"]
    assert {tuple(one.shape) for one in model.output.values()} == {(None, 3)}
    freeze(model, ["trunk"])
    assert sorted({weight.path.split("/")[0] for weight in model.trainable_weights}) == sorted(model.output)


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({"kind": "dense"}, "'dense'"),
        ({"widths": (4, 6)}, r"\(4, 6\)"),
        ({"classes": 1}, "1"),
        ({"image_size": (16, 48)}, r"\(16, 48\)"),
        ({"fusion_options": {"channel_window": 3}}, "channel_window"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], received: str) -> None:
    with pytest.raises(UsageError, match=received):
        build_imagenet_classifier(**{"name": "x", "kind": "plain", "convolutions": 2, **SMALL, **options})
