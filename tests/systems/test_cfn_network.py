"""CNN-A, CNN-B and their fusions: counts of table 2.2, shapes of figure 2.6, gradients of eq. 2.6."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.errors import UnknownNameError, UsageError
from kzoo.systems.cfn import STAGES_B_CIFAR100
from kzoo.systems.cfn.network import build_classifier

COUNTS = {
    "cnn_a": 224_202,
    "cnn_sum_a": 224_202 + 24_960,
    "cnn_conv_a": 224_202 + 24_960 + 4,
    "cfn_a": 224_202 + 24_960 + 768,
    "cnn_b": 1_286_698,
    "cnn_sum_b": 1_286_698 + 55_680,
    "cnn_conv_b": 1_286_698 + 55_680 + 4,
    "cfn_b": 1_343_146,
}


@pytest.mark.parametrize(("name", "parameters"), COUNTS.items())
def test_parameter_counts(name: str, parameters: int) -> None:
    model = kzoo.create(name)
    assert model.count_params() == parameters
    assert not model.non_trainable_weights


def test_parameter_counts_on_cifar100() -> None:
    plain = kzoo.create("cnn_b", classes=100, stages=STAGES_B_CIFAR100)
    sides = kzoo.create("cnn_sum_b", classes=100, stages=STAGES_B_CIFAR100)
    assert plain.count_params() == 1_721_572
    assert sides.count_params() - plain.count_params() == 74_112


def test_shapes_of_figure_2_6() -> None:
    model = kzoo.create("cfn_a")
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers if layer.name != "image"}
    assert shapes["conv1_1"] == (32, 32, 64)
    assert shapes["pool1"] == (16, 16, 64)
    assert shapes["pool2"] == (8, 8, 64)
    assert shapes["main_conv"] == (8, 8, 192)
    assert shapes["side_1_conv"] == (16, 16, 192)
    assert shapes["side_1"] == shapes["side_2"] == shapes["main"] == shapes["fusion"] == (192,)
    assert isinstance(model.get_layer("pool1"), keras.layers.MaxPooling2D)
    assert isinstance(model.get_layer("pool2"), keras.layers.AveragePooling2D)


def test_a_fresh_locally_connected_fusion_averages_the_branches() -> None:
    model = kzoo.create("cfn_a")
    images = np.random.default_rng(0).standard_normal((2, 32, 32, 3)).astype("float32")
    found = kzoo.features(model, ["side_1", "side_2", "main", "fused"])(images)
    mean = (found["side_1"] + found["side_2"] + found["main"]) / 3
    np.testing.assert_allclose(found["fused"], mean, rtol=1e-5, atol=1e-6)


def test_equation_2_6_a_side_input_gets_the_sum_over_the_branches_above_it() -> None:
    keras.config.set_dtype_policy("float64")
    try:
        model = build_classifier(
            name="small",
            stages=((3, (4,)), (3, (4,)), (3, (4,))),
            fusion="sum",
            branch_channels=3,
            dropout=0.0,
        )
    finally:
        keras.config.set_dtype_policy("float32")
    pool1 = model.get_layer("pool1").output
    upper = keras.Model(
        pool1, [model.get_layer(name).output for name in ("side_1", "side_2", "main", "logits")]
    )
    value = tf.constant(np.random.default_rng(0).standard_normal((1, *pool1.shape[1:])))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(value)
        *branches, logits = upper(value)
        loss = tf.reduce_sum(tf.square(logits))
    total = tape.gradient(loss, value)
    parts = [
        tape.gradient(branch, value, output_gradients=tape.gradient(loss, branch)) for branch in branches
    ]
    assert all(np.abs(part).max() > 0 for part in parts)
    np.testing.assert_allclose(total, sum(parts), rtol=1e-10)


def test_named_features_share_weights_and_know_public_and_layer_names() -> None:
    model = kzoo.create("cnn_a")
    images = np.zeros((1, 32, 32, 3), "float32")
    np.testing.assert_array_equal(
        kzoo.features(model, "embedding")(images), kzoo.features(model, "main")(images)
    )
    assert kzoo.features(model, "pool2").output_shape == (None, 8, 8, 64)
    with pytest.raises(UnknownNameError, match="main_conv"):
        kzoo.features(model, "main_cnv")


def test_the_options_of_the_spec_build() -> None:
    wide = kzoo.create("cfn_a", side_kernel=3)
    assert wide.get_layer("side_1_conv").kernel.shape == (3, 3, 64, 192)
    window = kzoo.create("cfn_a", fusion_options={"channel_window": 3, "conditioned_units": 4})
    assert window.get_layer("fusion").channel_window == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 1}, "classes must be 2 or more"),
        ({"dropout": 1.0}, "dropout"),
        ({"stages": ((3, (4,)),)}, "3 stages"),
        ({"fusion": "product"}, "fusion must be"),
        ({"fusion": None, "fusion_options": {"channel_window": 3}}, "fusion_options need a fusion"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kzoo.create("cfn_a", **options)


def test_unknown_names_and_options_get_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="cfn_a"):
        kzoo.create("cfn_aa")
    with pytest.raises(UnknownNameError, match="classes"):
        kzoo.create("cfn_a", clases=3)
