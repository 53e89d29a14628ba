from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import processes
import pytest
import tensorflow as tf

import kzoo
from kzoo import registry
from kzoo.data.pipeline import normalize
from kzoo.errors import ExportError, RunError, UnknownNameError, UsageError
from kzoo.export import check_card, export_model, export_run, read_card
from kzoo.export.requests import make_requests, pattern_images, write_requests
from kzoo.files import sha256_of_folder
from kzoo.serving.versions import version_numbers
from kzoo.training.run_folder import Run

CLASSES = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen")
SYSTEM = registry.find("cfn_a")
PIXELS = np.random.default_rng(5).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)

EXPORT_IN_A_PROCESS = """
import resource, sys
from pathlib import Path
from kzoo import registry
from kzoo.errors import ExportError
from kzoo.export import export_model
out, largest_file = Path(sys.argv[1]), int(sys.argv[2])
system = registry.find("cfn_a")
model = system.build(**system.tiny, classes=8)
if largest_file:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
print("ready", flush=True)
try:
    export_model(model, system, classes=tuple("abcdefgh"), out=out)
except ExportError as error:
    print("ExportError", error, flush=True)
"""

USE_WITHOUT_KZOO = """
import sys
sys.modules["kzoo"] = sys.modules["keras"] = None
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
answer = loaded.signatures["serving_tensor"](image=tf.constant(np.load(sys.argv[2])))
np.save(sys.argv[3], answer["probabilities"].numpy())
"""


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_an_export_is_a_version_folder_with_all_its_parts(exported: Path) -> None:
    assert exported.parts[-2:] == ("cfn_a", "1")
    assert listing(exported) >= {
        "saved_model.pb",
        "variables",
        "assets.extra",
        "model.keras",
        "card.json",
        "card.md",
    }
    assert listing(exported.parent) == {"1"}


def test_signatures_are_listed_as_a_server_lists_them(exported: Path) -> None:
    signatures = tf.saved_model.load(str(exported)).signatures
    assert set(signatures) == {"serving_default", "serving_tensor", "embed"}
    _, takes = signatures["serving_default"].structured_input_signature
    assert takes == {"image_bytes": tf.TensorSpec((None,), tf.string, name="image_bytes")}
    _, takes = signatures["serving_tensor"].structured_input_signature
    assert takes == {"image": tf.TensorSpec((None, 32, 32, 3), tf.float32, name="image")}
    for name in ("serving_default", "serving_tensor"):
        gives = signatures[name].structured_outputs
        assert {key: (spec.dtype.name, spec.shape.as_list()) for key, spec in gives.items()} == {
            "probabilities": ("float32", [None, 8]),
            "classes": ("string", [None, 5]),
            "scores": ("float32", [None, 5]),
        }
    assert signatures["embed"].structured_outputs["embedding"].shape.as_list() == [None, 8]


def test_a_process_without_kzoo_and_keras_gives_the_same(
    exported: Path, tiny_model: keras.Model, tmp_path: Path
) -> None:
    np.save(tmp_path / "image.npy", PIXELS)
    files = [exported, tmp_path / "image.npy", tmp_path / "answer.npy"]
    subprocess.run([sys.executable, "-P", "-c", USE_WITHOUT_KZOO, *map(str, files)], check=True, cwd=tmp_path)
    expected = tf.nn.softmax(tiny_model(normalize(PIXELS, "global_contrast"), training=False))
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), expected, atol=1e-5)


def test_kzoo_load_gives_the_model_to_fine_tune(exported: Path, tiny_model: keras.Model) -> None:
    image = normalize(PIXELS, "global_contrast")
    np.testing.assert_array_equal(kzoo.load(exported)(image), tiny_model(image))


def test_the_saved_model_is_a_layer_of_keras_too(exported: Path, tiny_model: keras.Model) -> None:
    layer = keras.layers.TFSMLayer(exported, call_endpoint="serving_tensor")
    image = np.asarray(PIXELS, np.float32)
    expected = tf.nn.softmax(tiny_model(normalize(PIXELS, "global_contrast"), training=False))
    np.testing.assert_allclose(layer(image)["probabilities"], expected, atol=1e-5)
    assert len(layer.trainable_weights) == len(tiny_model.trainable_weights)


def test_a_broken_image_is_named_by_the_loaded_export(exported: Path) -> None:
    ask = tf.saved_model.load(str(exported)).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"rows \[1\] of a batch of 3"):
        ask(image_bytes=tf.constant([pattern_images()[0], b"broken", pattern_images()[1]]))


def test_the_next_version_is_one_more_than_the_highest(tiny_model: keras.Model, tmp_path: Path) -> None:
    (tmp_path / "cfn_a" / "7").mkdir(parents=True)
    (tmp_path / "cfn_a" / "not a version").mkdir()
    folder = export_model(tiny_model, SYSTEM, classes=CLASSES, out=tmp_path)
    assert folder.name == "8"
    assert read_card(folder).version == 8


def test_an_existing_version_is_refused_and_kept(exported: Path, tiny_model: keras.Model) -> None:
    before = sha256_of_folder(exported.parent)
    with pytest.raises(ExportError, match=r"version 1 of cfn_a exists already.*next free version is 2"):
        export_model(tiny_model, SYSTEM, classes=CLASSES, out=exported.parents[1], version=1)
    assert sha256_of_folder(exported.parent) == before


@pytest.mark.parametrize("version", [0, -1, True, "2", 1.0])
def test_a_version_is_a_whole_number_from_one(
    tiny_model: keras.Model, tmp_path: Path, version: object
) -> None:
    with pytest.raises(UsageError, match="version must be a whole number from 1; received"):
        export_model(tiny_model, SYSTEM, classes=CLASSES, out=tmp_path, version=version)
    assert listing(tmp_path) == set()


def test_examples_that_are_no_images_are_refused(tiny_model: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"example images cannot be used.*rows"):
        export_model(
            tiny_model, SYSTEM, classes=CLASSES, out=tmp_path, examples=[pattern_images()[0], b"no image"]
        )
    assert listing(tmp_path / "cfn_a") == set()


def test_an_out_that_is_a_file_is_refused(tiny_model: keras.Model, tmp_path: Path) -> None:
    out = tmp_path / "savedmodels"
    out.write_text("a file")
    with pytest.raises(ExportError, match="could not be written"):
        export_model(tiny_model, SYSTEM, classes=CLASSES, out=out)
    assert out.read_text() == "a file"


def test_models_of_other_precisions_are_exported(precision: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    model = SYSTEM.build(**SYSTEM.tiny, classes=8)
    card = check_card(export_model(model, SYSTEM, classes=CLASSES, out=tmp_path))
    assert card.verification.compute_dtype == precision.removeprefix("mixed_")
    assert card.verification.largest_difference <= card.verification.tolerance
    assert card.signatures["serving_tensor"].outputs["probabilities"].dtype == "float32"


def test_a_run_is_exported_with_what_it_knows(finished_run: Run, tmp_path: Path) -> None:
    example = tf.io.encode_png(PIXELS[0].astype(np.uint8)).numpy()
    card = check_card(export_run(finished_run, tmp_path, version=3, examples=[example]))
    assert (card.name, card.version, card.classes) == ("cfn_b", 3, CLASSES)
    assert card.training is not None
    assert card.training.recipe == finished_run.description.recipe
    assert card.training.weights == "best"
    assert card.data is not None
    assert card.data.fingerprint == "f" * 64
    assert card.metrics is None
    assert card.input.normalization == "none"


def test_a_run_exports_with_the_normalisation_it_was_trained_with(finished_run: Run, tmp_path: Path) -> None:
    folder = export_run(finished_run, tmp_path, which="final")
    answer = tf.saved_model.load(str(folder)).signatures["serving_tensor"](image=tf.constant(PIXELS))
    expected = tf.nn.softmax(finished_run.model("final")(PIXELS, training=False))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)


def test_metrics_of_a_run_go_on_its_card(finished_run: Run, tmp_path: Path) -> None:
    metrics = finished_run.folder / "metrics.json"
    try:
        metrics.write_text('{"test": {"error_percent": 43.5}}')
        card = read_card(export_run(finished_run, tmp_path))
        assert card.metrics == {"test": {"error_percent": 43.5}}
        metrics.write_text("{")
        with pytest.raises(ExportError, match=r"metrics\.json cannot be read"):
            export_run(finished_run, tmp_path)
    finally:
        metrics.unlink()
    assert version_numbers(tmp_path / "cfn_b") == [1]


def test_a_run_that_has_not_ended_is_refused(finished_run: Run, tmp_path: Path) -> None:
    unfinished = Run.create_or_open(tmp_path / "run", finished_run.description)
    with pytest.raises(RunError, match="has not ended"):
        export_run(unfinished, tmp_path / "out")


def test_a_run_of_an_unknown_model_is_refused(finished_run: Run, tmp_path: Path) -> None:
    description = dataclasses.replace(finished_run.description, model="cfn_c")
    with pytest.raises(UnknownNameError, match="did you mean"):
        export_run(Run(finished_run.folder, description), tmp_path)


def test_killed_half_way_nothing_is_there_to_load(tiny_model: keras.Model, tmp_path: Path) -> None:
    process = processes.Process("-c", EXPORT_IN_A_PROCESS, tmp_path, 0)
    try:
        while not list(tmp_path.glob("cfn_a/.1.*.part/saved_model.pb")):
            assert process.poll() is None, "the export ended before it could be killed"
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert version_numbers(tmp_path / "cfn_a") == []
    assert all(name.startswith(".") for name in listing(tmp_path / "cfn_a"))
    assert export_model(tiny_model, SYSTEM, classes=CLASSES, out=tmp_path).name == "1"


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    ended = processes.run("-c", EXPORT_IN_A_PROCESS, tmp_path, 100000, check=True)
    assert "could not be written, and nothing was published" in ended.stdout
    assert listing(tmp_path / "cfn_a") == set()


def test_warm_up_without_examples_uses_pattern_images(tmp_path: Path, tiny_model: keras.Model) -> None:
    requests = make_requests(SYSTEM.signatures(tiny_model, CLASSES), [])
    assert [(one.signature, next(iter(one.inputs.values())).shape[0]) for one in requests] == [
        (name, size) for name in ("serving_default", "serving_tensor", "embed") for size in (1, 8)
    ]
    write_requests(tmp_path / "records", "cfn_a", requests)
    assert len(list(tf.data.TFRecordDataset(str(tmp_path / "records")))) == 6


def test_warm_up_records_are_prediction_logs_that_run(exported: Path) -> None:
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    signatures = tf.saved_model.load(str(exported)).signatures
    asked = []
    for record in tf.data.TFRecordDataset(str(exported / "assets.extra" / "tf_serving_warmup_requests")):
        log = PredictionLog.FromString(record.numpy())
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == "cfn_a"
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        answer = signatures[request.model_spec.signature_name](**inputs)
        asked.append((request.model_spec.signature_name, next(iter(answer.values())).shape[0]))
    assert sorted(asked) == [(n, b) for n in ("embed", "serving_default", "serving_tensor") for b in (1, 8)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cfn_a", "cnn_b"])
def test_the_full_networks_are_exported(name: str, tmp_path: Path) -> None:
    system = registry.find(name)
    card = check_card(export_model(system.build(), system, classes=tuple("abcdefghij"), out=tmp_path))
    assert card.parameters.trainable == system.parameters
