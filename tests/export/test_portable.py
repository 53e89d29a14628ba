"""Exports for LiteRT, in float32 and int8, and for ONNX: verified against Keras, refused if they differ."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kzoo import registry
from kzoo.data.pipeline import normalize
from kzoo.errors import ExportError, UsageError
from kzoo.export import check_card, export_model, read_card
from kzoo.export.calibration import int8_of_run
from kzoo.export.forms import PortableForm
from kzoo.export.litert import Labelled, LiteRT, LiteRTInt8
from kzoo.export.onnx_files import ONNX
from kzoo.export.requests import make_requests
from kzoo.export.verification import narrowest_compute_dtype
from kzoo.system import Signature
from kzoo.training.run_folder import Run

CLASSES = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen")
SYSTEM, CNN = registry.find("cfn_a"), registry.find("cnn_a")
PIXELS = np.random.default_rng(5).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
FORMS = {"litert": LiteRT, "onnx": ONNX}
FILES = {"litert": {"model.tflite"}, "onnx": {"serving_tensor.onnx"}}

every_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(scope="module", params=FORMS)
def portable(request: pytest.FixtureRequest, tiny_model: keras.Model, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp(request.param)
    return export_model(tiny_model, SYSTEM, classes=CLASSES, out=out, form=FORMS[request.param]())


def test_a_portable_export_is_a_version_folder_with_a_card(portable: Path) -> None:
    card = check_card(portable)
    assert portable.parts[-2:] == ("cfn_a", "1")
    assert {path.name for path in portable.iterdir()} == {
        *FILES[card.form],
        "model.keras",
        "card.json",
        "card.md",
    }
    assert card.classes == CLASSES
    assert set(card.signatures) == {"serving_tensor"}
    assert card.signatures["serving_tensor"].inputs["image"].shape == (None, 32, 32, 3)
    outputs = card.signatures["serving_tensor"].outputs
    assert {name: one.shape for name, one in outputs.items()} == {
        "probabilities": (None, 8),
        "scores": (None, 5),
    }
    assert 0 < card.verification.largest_difference < card.verification.tolerance
    assert "Before it was published, " in (portable / "card.md").read_text()


def test_the_runtime_answers_as_the_network_does(portable: Path, tiny_model: keras.Model) -> None:
    expected = tf.nn.softmax(tiny_model(normalize(PIXELS, "global_contrast"), training=False))
    answer = FORMS[read_card(portable).form]().opened(portable)("serving_tensor", {"image": PIXELS})
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(answer["scores"], -np.sort(-expected.numpy())[:, :5], atol=1e-5)


def test_other_weights_are_found(portable: Path, tiny_model: keras.Model) -> None:
    other = keras.models.clone_model(tiny_model)
    other.set_weights([weight + 1e-2 for weight in tiny_model.get_weights()])
    form = FORMS[read_card(portable).form]()
    signatures = form.chosen(SYSTEM.signatures(other, CLASSES))
    with pytest.raises(ExportError, match=r"differs by .* from what the Keras model gives; at most 0.0001"):
        form.verify(other, signatures, make_requests(signatures, []), portable)


@every_form
def test_several_endpoints_over_images_of_any_size(form: str, tmp_path: Path) -> None:
    """As translators have them, whose output is called as their input is."""
    network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(3, 3, strides=2)])
    spec = tf.TensorSpec((None, None, None, 3), tf.float32, name="image")

    def half(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image": network(image)}

    def twice(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image": 2 * network(image)}

    written = FORMS[form]()
    signatures = written.chosen(
        {name: Signature(one, (spec,), (network,)) for name, one in (("half", half), ("twice", twice))}
    )
    written.write(network, "halves", signatures, [], tmp_path)
    verification, endpoints = written.verify(network, signatures, make_requests(signatures, []), tmp_path)
    assert verification.requests == 4
    (output,) = endpoints["twice"].outputs
    assert output == {"litert": "image", "onnx": "image_out"}[form]
    ask = written.opened(tmp_path)
    for shape in ((1, 9, 13, 3), (2, 20, 8, 3)):
        pixels = np.ones(shape, np.float32)
        np.testing.assert_allclose(
            2 * ask("half", {"image": pixels})[output], ask("twice", {"image": pixels})[output], rtol=1e-5
        )


@every_form
def test_what_no_runtime_has_is_refused(form: str, tmp_path: Path) -> None:
    spec = tf.TensorSpec((None, 4), tf.float32, name="image_features")
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])

    def call_python(features: tf.Tensor) -> dict[str, tf.Tensor]:
        doubled = tf.numpy_function(lambda values: 2 * values, [network(features)], tf.float32)
        return {"doubled": tf.ensure_shape(doubled, (None, 2))}

    signatures = {"serving_tensor": Signature(call_python, (spec,), (network,))}
    written = FORMS[form]()

    def write_and_open() -> None:
        written.write(network, "python", signatures, [], tmp_path)
        written.opened(tmp_path)

    with pytest.raises(ExportError, match=r"does not (manage|load)"):
        write_and_open()


def test_endpoints_over_strings_are_left_out_and_the_same_ones_are_written_once() -> None:
    tensor = Signature(lambda image: {"out": image, "names": tf.constant(["a"])}, (tf.TensorSpec((1, 4)),))
    text = Signature(lambda text: {"out": text}, (tf.TensorSpec((1,), tf.string),))
    chosen = PortableForm.chosen(LiteRT(), {"serving_default": tensor, "score": text, "score_tensor": tensor})
    assert set(chosen) == {"score_tensor"}
    assert set(chosen["score_tensor"].function(tf.zeros((1, 4)))) == {"out"}
    with pytest.raises(ExportError, match="all endpoints take strings: score"):
        LiteRT().chosen({"score": text})


def test_a_missing_converter_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ExportError, match=r"pip install 'kzoo\[onnx\]'"):
        ONNX().write(keras.Sequential(), "any", {}, [], tmp_path)


def test_half_precision_becomes_float32() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = SYSTEM.build(**SYSTEM.tiny, classes=8)
    finally:
        keras.config.set_dtype_policy("float32")
    prepared = LiteRT().prepared(model)
    assert narrowest_compute_dtype(prepared) == "float32"
    np.testing.assert_array_equal(prepared.get_weights()[0], model.get_weights()[0])


@pytest.fixture(scope="module")
def colours() -> tuple[keras.Model, Labelled, Labelled]:
    """A classifier that tells red, green and blue noise apart, and pictures to calibrate and measure on."""
    random = np.random.default_rng(0)

    def labelled(what: str, count: int) -> Labelled:
        labels = np.arange(count) % 3
        images = (
            random.integers(0, 120, (count, 32, 32, 3)) + 120 * np.eye(3, dtype=int)[labels][:, None, None]
        )
        return Labelled(what, images.astype(np.uint8), labels)

    seen, unseen = labelled("seen noise", 90), labelled("unseen noise", 30)
    keras.utils.set_random_seed(0)
    model = CNN.build(**CNN.tiny, classes=3, dropout=0.0)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(normalize(seen.images, CNN.normalization), seen.labels, batch_size=30, epochs=30, verbose=0)
    return model, seen, unseen


def test_a_trained_classifier_holds_in_int8(colours, tmp_path: Path) -> None:
    model, seen, unseen = colours
    form = LiteRTInt8(seen, unseen)
    folder = export_model(model, CNN, classes=CLASSES[:3], out=tmp_path, form=form, quiet=True)
    cost = check_card(folder).quantization
    assert cost is not None
    assert (cost.calibration_images, cost.measured_images) == (90, 30)
    assert cost.error_percent_before == cost.error_percent == 0
    assert "rounded to int8, calibrated on 90 images of seen noise" in (folder / "card.md").read_text()
    interpreter = tf.lite.Interpreter(model_path=str(folder / "model.tflite"))
    maps = [one["dtype"] for one in interpreter.get_tensor_details() if len(one["shape"]) == 4]
    assert maps.count(np.int8) > len(maps) / 2


def test_accuracy_that_int8_would_lose_is_refused(colours, tmp_path: Path) -> None:
    model, seen, unseen = colours
    dark = Labelled("dark pictures", seen.images // 100, seen.labels)
    with pytest.raises(
        ExportError, match=r"in int8 the error on unseen noise is .* at most 1 percentage points"
    ):
        export_model(model, CNN, classes=CLASSES[:3], out=tmp_path, form=LiteRTInt8(dark, unseen), quiet=True)
    assert list(tmp_path.rglob("model.tflite")) == []


def test_a_run_is_calibrated_on_training_and_measured_on_validation_images(
    finished_run: Run, tmp_path: Path
) -> None:
    for split, count in (("train", 2), ("validation", 1), ("test", 1)):
        for shade, name in enumerate(CLASSES):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = np.full((32, 32, 3), 30 * shade + number, np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{number}.png")
    described = finished_run.description
    moved = dataclasses.replace(described, data={**described.data, "name": str(tmp_path)})
    form = int8_of_run(Run(finished_run.folder, moved))
    assert form.calibration.images.shape == (16, 32, 32, 3)
    assert sorted(form.calibration.labels) == sorted(2 * list(range(8)))
    assert form.measured.what == f"{tmp_path}, split validation"
    assert sorted(form.measured.labels) == list(range(8))
    np.testing.assert_array_equal(form.measured.images[:, 0, 0, 0], 30 * form.measured.labels)


def test_int8_of_what_has_no_accuracy_is_refused(finished_run: Run) -> None:
    other = Run(finished_run.folder, dataclasses.replace(finished_run.description, model="hed"))
    with pytest.raises(
        UsageError, match="expected a run of the kind 'classification'; hed is of the kind 'edges'"
    ):
        int8_of_run(other)
