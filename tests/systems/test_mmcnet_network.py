"""MMC-Net: counts of the thesis, fusions and poolings, saved hashes, losses, stages and measures."""

from __future__ import annotations

import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo import registry
from kzoo.errors import UnknownNameError, UsageError
from kzoo.systems.mmcnet.evaluate import classification_measures, evaluate, logits
from kzoo.systems.mmcnet.network import FUSIONS, POOLINGS, build_mmcnet
from kzoo.systems.mmcnet.task import classification_loss, losses
from kzoo.training.models import freeze

TINY = {"image_dim": 12, "text_dim": 10, "widths": (16, 8, 8, 8), "pooling_dim": 16}
IMAGES, CLASSES = 12, 3
RANKING = {"margin": 0.1, "backward": 2.0, "count": 5}


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    image_index = np.repeat(np.arange(IMAGES), 2)
    return {
        "image": generator.standard_normal((IMAGES, 12)).astype("float32"),
        "text": generator.standard_normal((2 * IMAGES, 10)).astype("float32"),
        "image_index": image_index,
        "label": np.arange(IMAGES) % CLASSES,
    }


def pairs(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"image": arrays["image"][arrays["image_index"]], "text": arrays["text"]}


def targets(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"image_index": arrays["image_index"], "label": arrays["label"][arrays["image_index"]]}


def dense_parameters(model: keras.Model) -> int:
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    return sum(layer.count_params() for layer in dense)


def test_dense_layers_of_the_branches_have_the_counts_of_the_thesis() -> None:
    assert dense_parameters(kzoo.create("mmnet")) == 7_961_600


@pytest.mark.parametrize(
    ("classes", "dimension", "weights"),
    [(20, 2048, 40_960), (80, 2048, 163_840), (102, 4096, 417_792), (200, 4096, 819_200)],
)
def test_classifier_has_d_times_c_weights(classes: int, dimension: int, weights: int) -> None:
    model = build_mmcnet(**{**TINY, "pooling_dim": dimension}, classes=classes)
    assert model.get_layer("logits").count_params() == weights


@pytest.mark.parametrize("name", ["mmcnet", "mmnet", "mcnet"])
def test_registered_parameters_are_those_of_the_model(name: str) -> None:
    model = kzoo.create(name)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == registry.find(name).parameters


@pytest.mark.parametrize(("fusion", "pooling"), itertools.product(FUSIONS, POOLINGS))
def test_every_fusion_and_pooling_gives_unit_embeddings_and_gradients(
    fusion: str, pooling: str, arrays: dict[str, np.ndarray]
) -> None:
    # Wide enough that no product of ReLUs is zero everywhere.
    options = {**TINY, "widths": (16, 64, 64, 64)}
    model = build_mmcnet(**options, classes=CLASSES, fusion=fusion, pooling=pooling)
    with tf.GradientTape() as tape:
        outputs = model(pairs(arrays), training=False)
        total = sum(losses(outputs, targets(arrays), RANKING).values())
    for side in ("image", "text"):
        lengths = np.linalg.norm(outputs[f"{side}_embedding"], axis=1)
        np.testing.assert_allclose(lengths, 1, rtol=1e-5)
    gradients = tape.gradient(total, [weight.value for weight in model.trainable_weights])
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.all(np.isfinite(gradient)), weight.path


def test_convolution_fusion_is_the_average_of_three_layers_at_first(arrays: dict[str, np.ndarray]) -> None:
    model = build_mmcnet(**TINY)
    layer = model.get_layer("image_fusion")
    assert [tuple(weight.shape) for weight in layer.weights] == [(3,), (8,)]
    names = ["image_fc2_relu", "image_fc3_relu", "image_fc4_norm"]
    parts = keras.Model(model.input, [*(model.get_layer(name).output for name in names), layer.output])
    *each, fused = parts(pairs(arrays))
    np.testing.assert_allclose(fused, sum(each) / 3, rtol=1e-5, atol=1e-6)


def test_hashes_are_saved_with_the_model(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    model = build_mmcnet(**TINY, classes=CLASSES, hash_seed=7)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(pairs(arrays))["logits"], model(pairs(arrays))["logits"])
    assert not {id(weight) for weight in model.get_layer("pooling").weights} & {
        id(weight) for weight in model.trainable_weights
    }


def test_vision_only_takes_no_text(arrays: dict[str, np.ndarray]) -> None:
    model = build_mmcnet(**TINY, classes=CLASSES, matching=False, vision_only=True)
    assert list(model.input) == ["image"]
    assert logits(model, arrays).shape == (2 * IMAGES, CLASSES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fusion": "max"}, "fusion must be one of none, sum"),
        ({"pooling": "mean"}, "pooling must be one of cbp"),
        ({"widths": (16, 8, 8, 4)}, "the last three equal"),
        ({"classes": 0}, "classes must be 1 or more"),
        ({"matching": False}, "has no output"),
        ({"classes": 2, "vision_only": True}, "goes with matching=False"),
    ],
)
def test_options_out_of_range_are_named(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_mmcnet(**{**TINY, **options})


def test_softmax_loss_of_a_hand_computed_case() -> None:
    scores = tf.math.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    found = classification_loss(scores, tf.constant([0, 2]))
    np.testing.assert_allclose(found, -(np.log(0.5) + np.log(0.8)) / 2, rtol=1e-6)


def test_sigmoid_loss_of_a_hand_computed_case_sums_over_the_classes() -> None:
    scores = tf.math.log([[1.0, 3.0]])  # odds, so probabilities .5 and .75
    found = classification_loss(scores, tf.constant([[1.0, 0.0]]))
    np.testing.assert_allclose(found, -(np.log(0.5) + np.log(0.25)), rtol=1e-5)


def test_terms_are_weighted_and_left_out_at_weight_0(arrays: dict[str, np.ndarray]) -> None:
    outputs = build_mmcnet(**TINY, classes=CLASSES)(pairs(arrays))
    whole = losses(outputs, targets(arrays), RANKING)
    assert set(whole) == {"matching", "classification"}
    weighted = losses(outputs, targets(arrays), {**RANKING, "classification_weight": 0.5})
    np.testing.assert_allclose(weighted["classification"], whole["classification"] / 2, rtol=1e-6)
    assert set(losses(outputs, targets(arrays), {**RANKING, "classification_weight": 0.0})) == {"matching"}
    assert set(losses(outputs, targets(arrays), {"matching_weight": 0.0})) == {"classification"}
    with pytest.raises(UsageError, match="no loss is left"):
        losses(outputs, targets(arrays), {"matching_weight": 0.0, "classification_weight": 0.0})
    with pytest.raises(UsageError, match="needs labels"):
        losses(outputs, {"image_index": arrays["image_index"]}, RANKING)
    with pytest.raises(UnknownNameError, match="margin"):
        losses(outputs, targets(arrays), {"margn": 0.2})


def test_stages_train_the_matching_then_the_classifier_then_all() -> None:
    trained = {}
    for stage, recipe in registry.find("mmcnet").recipes["pascal_sentence"].in_stages():
        model = build_mmcnet(**TINY, classes=CLASSES)
        freeze(model, recipe.freeze)
        names = {weight.path.split("/")[0] for weight in model.trainable_weights}
        trained[stage] = (names, recipe.optimizer.learning_rate)
    everything = trained["joint"][0]
    assert trained["classifier"][0] == {"logits"}
    assert trained["matching"][0] == everything - {"logits"}
    rates = [rate for _, rate in trained.values()]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 3


def test_evaluate_returns_recalls_and_accuracy(arrays: dict[str, np.ndarray]) -> None:
    model = build_mmcnet(**TINY, classes=CLASSES)
    found = evaluate(model, arrays)
    assert {"i2t_r@1", "t2i_r@10", "r_sum", "accuracy"} <= set(found)
    expected = np.mean(model(pairs(arrays))["logits"].numpy().argmax(1) == targets(arrays)["label"])
    assert found["accuracy"] == pytest.approx(100 * expected)


def test_several_labels_are_measured_by_average_precision() -> None:
    scores = np.array([[2.0, -1.0], [1.0, 1.0], [-1.0, 0.5]])
    label = np.array([[1, 0], [0, 1], [1, 0]])
    found = classification_measures(scores, label)
    # Class 0: positives at places 1 and 3 of 3, (1 + 2/3) / 2; class 1: at place 1.
    assert found["average_precision"] == pytest.approx(100 * ((1 + 2 / 3) / 2 + 1) / 2)
    assert found["accuracy"] == pytest.approx(100 * 3 / 6)


def test_published_numbers() -> None:
    cells = {
        (one.table, one.row, one.metric, one.data): one.value for one in registry.find("mmcnet").published
    }
    assert cells["7.2", "MMC-Net", "i2t_r@1", "mscoco"] == 57.0
    assert cells["7.4", "MMC-Net", "average_precision", "mscoco"] == 79.3
    assert cells["7.7", "MMC-Net with BP", "t2i_r@10", "pascal_sentence"] == 92.5
