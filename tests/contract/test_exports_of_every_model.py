"""Every model is served as exported, and exported as built, by its tiny variant."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_models import CLASSES, inputs, pictures, tiny

from kzoo import registry
from kzoo.data.pipeline import normalize
from kzoo.export import export_model
from kzoo.metrics.classification import logits_of
from kzoo.serving import Client, ServerConfig, serve
from kzoo.serving.errors import InvalidArgumentError
from kzoo.system import System

CLASSIFIERS = [name for name in registry.names() if registry.find(name).task == "classification"]
EDGE_DETECTORS = [name for name in registry.names() if registry.find(name).task == "edges"]
TRANSLATORS = [name for name in registry.names() if registry.find(name).task == "translation"]
SWAPPERS = [name for name in registry.names() if registry.find(name).task == "swap"]
SEGMENTERS = [name for name in registry.names() if registry.find(name).task == "segmentation"]
MATCHERS = [name for name in registry.names() if registry.find(name).task == "matching"]


def small_pictures() -> list[bytes]:
    """Return pictures of two sizes to verify and warm up with; networks for any size keep these sizes.

    No side is shorter than 32, the largest stride of a network.
    """
    waves = np.sin(np.mgrid[0:36, 0:44, 0:3].prod(axis=0) / 7) * 127 + 128
    return [tf.io.encode_png(one.astype(np.uint8)).numpy() for one in (waves, waves[:32, :35])]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_is_served_as_exported_and_exported_as_built(name: str, tmp_path: Path) -> None:
    model, system = tiny(name), registry.find(name)
    images = pictures(system)
    folder = export_model(model, system, classes=CLASSES, out=tmp_path, examples=small_pictures(), quiet=True)
    logits = logits_of(model(normalize(images, system.normalization), training=False))
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


@pytest.mark.parametrize("name", EDGE_DETECTORS)
def test_an_edge_detector_is_served_as_exported_and_exported_as_built(name: str, tmp_path: Path) -> None:
    model, system = tiny(name), registry.find(name)
    images = pictures(system)
    folder = export_model(model, system, out=tmp_path, examples=small_pictures(), quiet=True)
    expected = tf.sigmoid(model({"image": images.astype("float32")}, training=False)["fused"]).numpy()
    exported = tf.saved_model.load(str(folder)).signatures
    answer = exported["serving_tensor"](image=tf.constant(images, tf.float32))["edges"]
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    assert np.ptp(expected) > 0.01
    with serve(ServerConfig(base=tmp_path, port=0)) as server, Client(server.address) as client:
        client.wait_until_ready(name)
        for image, edges in zip(images, expected, strict=True):
            np.testing.assert_allclose(client.edges(name, image).edges, edges[..., 0], atol=1e-5)
        odd = np.tile(images[0], (2, 3, 1))[:61, :83]
        assert client.edges(name, odd).edges.shape == (61, 83)


def ends_of_chains(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a translator makes of pictures in each direction, pixels 0 to 255."""
    scaled = images.astype("float32") / 127.5 - 1
    made = model({"a": scaled, "b": scaled}, training=False)
    return {
        direction: (np.asarray(made[output]) + 1) * 127.5
        for direction, output in (("a_to_b", "fake_b"), ("b_to_a", "fake_a"))
    }


@pytest.mark.parametrize("name", TRANSLATORS)
def test_a_translator_is_served_as_exported_and_exported_as_built(name: str, tmp_path: Path) -> None:
    model, system = tiny(name), registry.find(name)
    images = pictures(system, 2)
    folder = export_model(model, system, out=tmp_path, examples=small_pictures(), quiet=True)
    expected = ends_of_chains(model, images)
    exported = tf.saved_model.load(str(folder)).signatures
    with serve(ServerConfig(base=tmp_path, port=0)) as server, Client(server.address) as client:
        client.wait_until_ready(name)
        for direction, pixels in expected.items():
            assert np.ptp(pixels) > 1
            answer = exported[f"{direction}_tensor"](image=tf.constant(images, tf.float32))["image"]
            np.testing.assert_allclose(answer, pixels, atol=1e-3)
            for image, one in zip(images, pixels, strict=True):
                served = client.translate(name, image, direction=direction).pixels
                np.testing.assert_allclose(served, one, atol=0.51)
        odd = np.tile(images[0], (2, 3, 1))[:61, :83]
        assert client.translate(name, odd).pixels.shape == (61, 83, 3)
        with pytest.raises(InvalidArgumentError, match="expected 8x8 or more"):
            client.translate(name, odd[:7])


def swap_of(system: System, model: keras.Model) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return what a swapper is given, uint8, and the pictures that it is to make of it, 0 to 255."""
    condition, reference, pose = (
        np.pad(wave, ((0, 0), (40, 40), (40, 40), (0, 0)), mode="wrap")
        for wave in np.split(pictures(system, 3 * 2), 3)
    )
    head = np.zeros((2, 128, 128, 1), np.uint8)
    head[:, 10:40, 50:80] = 255
    scaled = {
        "condition": condition / 127.5 - 1,
        "reference": reference / 127.5 - 1,
        "reference_pose": pose / 127.5 - 1,
        "condition_segments": np.zeros((2, 128, 128, 5)),
    }
    made = model({name: scaled[name].astype("float32") for name in system.inputs}, training=False)["swapped"]
    expected = np.where(head == 255, reference, (np.asarray(made) + 1) * 127.5)
    assert np.ptp(expected[0, 60:]) > 1
    given = {"condition": condition, "reference": reference, "reference_pose": pose, "reference_head": head}
    return given, expected


@pytest.mark.parametrize("name", SWAPPERS)
def test_a_swapper_is_served_as_exported_and_exported_as_built(name: str, tmp_path: Path) -> None:
    model, system = tiny(name), registry.find(name)
    given, expected = swap_of(system, model)
    folder = export_model(model, system, out=tmp_path, examples=small_pictures(), quiet=True)
    exported = tf.saved_model.load(str(folder)).signatures["swap_tensor"]
    answer = exported(**{key: tf.constant(value, tf.float32) for key, value in given.items()})["image"]
    np.testing.assert_allclose(answer, expected, atol=1e-3)
    with serve(ServerConfig(base=tmp_path, port=0)) as server, Client(server.address) as client:
        client.wait_until_ready(name)
        for row in range(2):
            images = {f"{key}_bytes": value[row] for key, value in given.items()}
            np.testing.assert_allclose(client.swap(name, images).pixels, expected[row], atol=0.51)
        images["reference_bytes"] = np.tile(given["reference"][0], (2, 2, 1))
        assert client.swap(name, images).pixels.shape == (128, 128, 3)


@pytest.mark.parametrize("name", SEGMENTERS)
def test_a_segmenter_is_served_as_exported_and_exported_as_built(name: str, tmp_path: Path) -> None:
    model, system = tiny(name), registry.find(name)
    images = pictures(system)
    folder = export_model(model, system, classes=CLASSES, out=tmp_path, examples=small_pictures(), quiet=True)
    logits = model({"image": images.astype("float32")}, training=False)["logits"]
    expected = keras.ops.convert_to_numpy(logits).argmax(axis=-1)
    assert len(np.unique(expected)) > 1
    exported = tf.saved_model.load(str(folder)).signatures
    answer = exported["serving_tensor"](image=tf.constant(images, tf.float32))
    assert np.mean(answer["labels"].numpy() != expected) < 1e-3
    with serve(ServerConfig(base=tmp_path, port=0)) as server, Client(server.address) as client:
        client.wait_until_ready(name)
        for image, labels in zip(images, expected, strict=True):
            found = client.segment(name, image)
            assert np.mean(found.labels != labels) < 1e-3
            assert found.class_names == CLASSES
        odd = np.tile(images[0], (2, 3, 1))[:61, :83]
        assert client.segment(name, odd).labels.shape == (61, 83)


@pytest.mark.parametrize("name", MATCHERS)
def test_a_matcher_is_served_as_exported_and_exported_as_built(name: str, tmp_path: Path) -> None:
    model, system = tiny(name), registry.find(name)
    features = {f"{key}_features": value for key, value in inputs(system, model).items()}
    classes = CLASSES if "classes" in system.options else ()
    export_model(model, system, classes=classes, out=tmp_path, examples=small_pictures(), quiet=True)
    signatures = system.signatures(model, classes)
    with serve(ServerConfig(base=tmp_path, port=0)) as server, Client(server.address) as client:
        client.wait_until_ready(name)
        for signature, one in signatures.items():
            asked = {spec.name: features[spec.name] for spec in one.inputs}
            expected = one.function(*(tf.constant(value) for value in asked.values()))
            served = client.predict(name, asked, signature=signature)
            assert set(served) == set(expected)
            for key, value in expected.items():
                if value.dtype.is_floating:
                    np.testing.assert_allclose(served[key], value, rtol=1e-4, atol=1e-5)
