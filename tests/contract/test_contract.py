"""One suite over every registered model: what the verbs rely on, shown on each system's tiny variant."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo import registry
from kzoo.data.pipeline import normalize
from kzoo.export import export_model
from kzoo.serving import Client, ServerConfig, serve
from kzoo.system import System

NAMES = registry.names()
CLASSES = ("apple", "pear", "plum")
REFERENCE = Path(__file__).with_name("reference_outputs.json")


def tiny(name: str, **options) -> keras.Model:
    keras.utils.set_random_seed(0)
    system = registry.find(name)
    return system.build(**{**system.tiny, "classes": len(CLASSES), **options})


def pictures(system: System, count: int = 6) -> np.ndarray:
    """Return smooth coloured patterns, uint8 (count, H, W, 3), the same everywhere."""
    height, width = system.image_size
    rows, columns, numbers = np.mgrid[0:height, 0:width, 0 : count * 3].astype("float64")
    waves = np.sin(rows * (1 + numbers) / 7 + columns * (numbers - count) / 5)
    return np.moveaxis((waves * 127 + 128).reshape(height, width, count, 3), 2, 0).astype(np.uint8)


def inputs(system: System) -> tf.Tensor:
    return normalize(pictures(system), system.normalization)


@pytest.mark.parametrize("name", NAMES)
class TestEveryModel:
    def test_metadata_is_what_the_model_is(self, name: str) -> None:
        system = registry.find(name)
        model = kzoo.create(name)
        trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
        assert trainable == system.parameters
        assert model.name == name
        assert model.input_shape == (None, *system.image_size, 3)
        names = [layer.name for layer in model.layers]
        assert len(set(names)) == len(names)
        assert set(system.features.values()) <= set(names)
        assert system.card_text.is_file()
        assert system.recipes

    def test_train_one_step_and_every_weight_gets_a_gradient(self, name: str) -> None:
        model, system = tiny(name), registry.find(name)
        labels = np.arange(6) % len(CLASSES)
        loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        with tf.GradientTape() as tape:
            loss = loss_function(labels, model(inputs(system), training=False))
        gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
        for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
            assert gradient is not None, f"{weight.path} gets no gradient"
            assert np.all(np.isfinite(gradient)), weight.path
            assert np.any(gradient != 0), f"{weight.path} has a gradient of zeros"
        before = [np.array(weight) for weight in model.trainable_weights]
        model.compile("sgd", loss_function)
        model.train_on_batch(inputs(system), labels)
        for weight, old in zip(model.trainable_weights, before, strict=True):
            assert np.any(np.array(weight) != old), f"{weight.path} did not change"

    def test_save_and_reload_equal(self, name: str, tmp_path: Path) -> None:
        model, system = tiny(name), registry.find(name)
        model.save(tmp_path / "model.keras")
        again = kzoo.load(tmp_path / "model.keras")
        expected = model.predict(inputs(system), verbose=0)
        np.testing.assert_array_equal(again.predict(inputs(system), verbose=0), expected)

    def test_frozen_reference_outputs(self, name: str) -> None:
        reference = json.loads(REFERENCE.read_text(encoding="utf-8"))
        np.testing.assert_allclose(reference_output(name), reference[name], rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
    def test_mixed_precision_trains(self, name: str, policy: str) -> None:
        keras.config.set_dtype_policy(policy)
        try:
            model = tiny(name)
            model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
            loss = model.train_on_batch(inputs(registry.find(name)), np.arange(6) % len(CLASSES))
        finally:
            keras.config.set_dtype_policy("float32")
        assert np.isfinite(loss)
        assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
        assert model.output.dtype == "float32"

    def test_export_equals_keras_and_serve_equals_export(self, name: str, tmp_path: Path) -> None:
        model, system = tiny(name), registry.find(name)
        images = pictures(system)
        folder = export_model(model, system, classes=CLASSES, out=tmp_path, quiet=True)
        logits = model.predict(normalize(images, system.normalization), verbose=0)
        expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))

        exported = tf.saved_model.load(str(folder)).signatures
        answer = exported["serving_tensor"](image=tf.constant(images, tf.float32))
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)
        best = [name.decode() for name in answer["classes"].numpy()[:, 0]]
        assert best == [CLASSES[i] for i in expected.argmax(axis=1)]

        encoded = tf.constant([tf.io.encode_png(image).numpy() for image in images])
        in_process = exported["serving_default"](image_bytes=encoded)
        embedding = exported["embed"](image_bytes=encoded)["embedding"].numpy()
        with serve(ServerConfig(base=tmp_path, port=0)) as server, Client(server.address) as client:
            client.wait_until_ready(name)
            served = client.classify(name, list(images))
            np.testing.assert_array_equal(client.embed(name, list(images)), embedding)
        np.testing.assert_array_equal([one.probabilities for one in served], in_process["probabilities"])

    def test_features_are_finite_and_named(self, name: str) -> None:
        system = registry.find(name)
        found = kzoo.features(tiny(name), list(system.features))(inputs(system))
        assert set(found) == set(system.features)
        assert all(np.all(np.isfinite(value)) for value in found.values())


def reference_output(name: str) -> list:
    """Return the logits of the tiny variant with weights that no random generator makes."""
    model, system = tiny(name), registry.find(name)
    for number, weight in enumerate(model.weights):
        shape = tuple(weight.shape)
        fan_in = max(1, np.prod(shape[:-1], dtype=int))
        values = np.sin(np.arange(np.prod(shape, dtype=int)) * 0.7 + number) / np.sqrt(fan_in)
        weight.assign(values.reshape(shape))
    return model.predict(inputs(system), verbose=0).astype("float64").round(7).tolist()
