from __future__ import annotations

import io
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kzoo
from kzoo import registry
from kzoo.data.pipeline import normalize
from kzoo.errors import UsageError

CLASSES = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu")
PIXELS = np.random.default_rng(3).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
SYSTEM = registry.find("cfn_a")
Endpoints = dict[str, Callable[..., dict[str, tf.Tensor]]]


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


IMAGES = [png(pixels) for pixels in PIXELS]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return SYSTEM.build(**SYSTEM.tiny, classes=len(CLASSES))


@pytest.fixture(scope="module")
def endpoints(model: keras.Model) -> Endpoints:
    return {
        name: tf.function(one.function, input_signature=one.inputs, autograph=False)
        for name, one in SYSTEM.signatures(model, CLASSES).items()
    }


def test_probabilities_are_the_softmax_of_the_network(model: keras.Model, endpoints: Endpoints) -> None:
    answer = endpoints["serving_tensor"](tf.cast(PIXELS, tf.float32))
    expected = tf.nn.softmax(model(normalize(PIXELS, "global_contrast"), training=False))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)


def test_best_classes_come_first(endpoints: Endpoints) -> None:
    answer = endpoints["serving_tensor"](tf.cast(PIXELS, tf.float32))
    probabilities = answer["probabilities"].numpy()
    order = np.argsort(-probabilities, axis=-1)[:, :5]
    np.testing.assert_array_equal(answer["scores"], np.take_along_axis(probabilities, order, axis=-1))
    np.testing.assert_array_equal(answer["classes"].numpy().astype(str), np.array(CLASSES)[order])


def test_bytes_and_tensors_give_the_same(endpoints: Endpoints) -> None:
    from_bytes = endpoints["serving_default"](tf.constant(IMAGES))
    from_tensor = endpoints["serving_tensor"](tf.cast(PIXELS, tf.float32))
    for name, value in from_bytes.items():
        np.testing.assert_array_equal(value, from_tensor[name])


def test_an_answer_does_not_depend_on_its_batch(endpoints: Endpoints) -> None:
    together = endpoints["serving_default"](tf.constant(IMAGES))["probabilities"]
    alone = [endpoints["serving_default"](tf.constant([one]))["probabilities"][0] for one in IMAGES]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_embeddings_are_the_feature_with_unit_length(model: keras.Model, endpoints: Endpoints) -> None:
    embedding = endpoints["embed"](tf.constant(IMAGES))["embedding"].numpy()
    feature = kzoo.features(model, "embedding")(normalize(PIXELS, "global_contrast"), training=False).numpy()
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=-1), 1.0, atol=1e-6)
    np.testing.assert_allclose(
        embedding, feature / np.linalg.norm(feature, axis=-1, keepdims=True), atol=1e-6
    )


def test_an_embedding_of_zeros_stays_zeros(endpoints: Endpoints) -> None:
    one_colour = png(np.full((32, 32, 3), 90, np.uint8))
    np.testing.assert_array_equal(endpoints["embed"](tf.constant([one_colour]))["embedding"], 0.0)


@pytest.mark.parametrize("name", ["serving_default", "serving_tensor", "embed"])
def test_an_empty_batch_is_refused(endpoints: Endpoints, name: str) -> None:
    empty = tf.zeros((0, 32, 32, 3)) if name == "serving_tensor" else tf.constant([], tf.string)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="the batch is empty; expected one image or more"
    ):
        endpoints[name](empty)


@pytest.mark.parametrize("name", ["serving_default", "embed"])
def test_broken_images_are_named_by_their_rows(endpoints: Endpoints, name: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"rows \[1 3\] of a batch of 4"):
        endpoints[name](tf.constant([IMAGES[0], b"", IMAGES[1], IMAGES[2][:-9]]))


@pytest.mark.parametrize("pixel", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_named_by_their_rows(endpoints: Endpoints, pixel: float) -> None:
    image = PIXELS.astype(np.float32)
    image[2, 5, 5, 1] = pixel
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"NaN or infinite in rows \[2\]"):
        endpoints["serving_tensor"](tf.constant(image))


def test_fewer_than_five_classes_are_all_answered() -> None:
    model = SYSTEM.build(**SYSTEM.tiny, classes=3)
    answer = SYSTEM.signatures(model, ("a", "b", "c"))["serving_default"].function(tf.constant(IMAGES))
    assert answer["classes"].shape == (4, 3)


@pytest.mark.parametrize("classes", [CLASSES[:-1], (*CLASSES[:-1], "ant")])
def test_classes_that_do_not_fit_are_refused(model: keras.Model, classes: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="7 outputs and needs as many different class names"):
        SYSTEM.signatures(model, classes)


CLASSIFIERS = [name for name in registry.names() if registry.find(name).task == "classification"]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_network_has_the_three_endpoints(name: str) -> None:
    system = registry.find(name)
    endpoints = system.signatures(system.build(**system.tiny, classes=3), ("a", "b", "c"))
    assert list(endpoints) == ["serving_default", "serving_tensor", "embed"]
    assert endpoints["embed"].function(tf.constant(IMAGES))["embedding"].shape[0] == 4
