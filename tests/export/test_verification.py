from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo import registry
from kzoo.errors import ExportError
from kzoo.export.requests import Request, make_requests, write_requests
from kzoo.export.verification import compare, verify
from kzoo.system import Signature

CLASSES = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen")


def records_of(folder: Path, signatures: dict[str, Signature]) -> tuple[list[Request], Path]:
    requests = make_requests(signatures, [])
    write_requests(folder / "records", "cfn_a", requests)
    return requests, folder / "records"


def test_an_export_of_other_weights_is_found(exported: Path, tiny_model: keras.Model, tmp_path: Path) -> None:
    system = registry.find("cfn_a")
    other = keras.models.clone_model(tiny_model)
    other.set_weights([weight + 1e-3 for weight in tiny_model.get_weights()])
    signatures = system.signatures(other, CLASSES)
    requests, records = records_of(tmp_path, signatures)
    with pytest.raises(ExportError, match=r"differs by .* from what the Keras model gives; at most 1e-05"):
        verify(other, signatures, requests, exported, records)


def test_an_export_with_other_classes_is_found(
    exported: Path, tiny_model: keras.Model, tmp_path: Path
) -> None:
    signatures = registry.find("cfn_a").signatures(tiny_model, tuple(reversed(CLASSES)))
    requests, records = records_of(tmp_path, signatures)
    with pytest.raises(ExportError, match="signature 'serving_default': classes should be"):
        verify(tiny_model, signatures, requests, exported, records)


def test_an_export_that_needs_python_is_found(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()])

    def call_python(image: tf.Tensor) -> dict[str, tf.Tensor]:
        doubled = tf.numpy_function(lambda pixels: 2 * pixels, [image], tf.float32)
        return {"doubled": tf.ensure_shape(doubled, (None, 4, 4, 3))}

    spec = tf.TensorSpec((None, 4, 4, 3), tf.float32, name="image")
    signatures = {"serving_default": Signature(call_python, (spec,))}
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", call_python, input_signature=[spec])
    archive.write_out(str(tmp_path / "export"), verbose=False)
    requests, records = records_of(tmp_path, signatures)
    with pytest.raises(ExportError, match="cannot be used without kzoo and Keras"):
        verify(model, signatures, requests, tmp_path / "export", records)


def answer(scores: list[float], names: list[bytes]) -> dict[str, np.ndarray]:
    return {"scores": np.array([scores], np.float32), "classes": np.array([names], object)}


ASKED = Request("serving_default", {})


def test_names_of_equal_scores_may_change_places() -> None:
    expected = answer([0.5, 0.2, 0.2, 0.1], [b"a", b"b", b"c", b"d"])
    assert compare(ASKED, expected, answer([0.5, 0.2, 0.2, 0.1], [b"a", b"c", b"b", b"d"]), 1e-5) == 0.0
    with pytest.raises(ExportError, match="classes should be b'a'; it is b'b'"):
        compare(ASKED, expected, answer([0.5, 0.2, 0.2, 0.1], [b"b", b"a", b"c", b"d"]), 1e-5)


def test_numbers_arecompared_within_the_tolerance() -> None:
    expected = answer([0.5, 0.3], [b"a", b"b"])
    assert compare(ASKED, expected, answer([0.5, 0.300005], [b"a", b"b"]), 1e-5) == pytest.approx(
        5e-6, rel=0.02
    )
    for wrong in (0.3001, float("nan")):
        with pytest.raises(ExportError, match="scores differs by"):
            compare(ASKED, expected, answer([0.5, wrong], [b"a", b"b"]), 1e-5)


def test_other_outputs_and_shapes_are_found() -> None:
    expected = answer([0.5, 0.3], [b"a", b"b"])
    with pytest.raises(
        ExportError, match=r"expected outputs .*'classes', 'scores'.*; the export has .*'scores'"
    ):
        compare(ASKED, expected, {"scores": expected["scores"]}, 1e-5)
    with pytest.raises(ExportError, match=r"should have shape \(1, 2\); the export has \(1, 3\)"):
        compare(ASKED, expected, answer([0.5, 0.3, 0.1], [b"a", b"b", b"c"]), 1e-5)


def test_inputs_that_no_image_fits_are_refused() -> None:
    spec = tf.TensorSpec((None, 7), tf.int32, name="tokens")
    with pytest.raises(ExportError, match="'score': no example can be made for its input"):
        make_requests({"score": Signature(lambda tokens: {"score": tokens}, (spec,))}, [])
