from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from training_helpers import ROOT, draw_pictures, make_training, train_tiny

import kzoo
from kzoo.errors import RunError, UnknownNameError, UsageError
from kzoo.training.finetune import starting_point
from kzoo.training.models import freeze, save_model, with_classes
from kzoo.training.train import train

TUNING = ["options={}", "freeze=[trunk]", "epochs=2", "optimizer.learning_rate_multipliers={}"]


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pictures(tmp_path_factory.mktemp("data") / "two", classes=("green", "red"), seed=8)


@pytest.fixture(scope="module")
def tuned(finished_run: Any, two_classes: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tiny run, gone on with on two classes, only the last layer trained."""
    system, start = starting_point(finished_run.folder)
    assert system.name == "cfn_a"
    return train_tiny(two_classes, tmp_path_factory.mktemp("runs") / "tuned", *TUNING, start=start)


def weights_by_layer(model: keras.Model) -> dict[str, list[bytes]]:
    return {layer.name: [value.tobytes() for value in layer.get_weights()] for layer in model.layers}


def test_a_run_an_export_and_a_file_are_starting_points(finished_run: Any, tmp_path: Path) -> None:
    best = finished_run.folder / "best.keras"
    shutil.copy(best, tmp_path / "model.keras")
    for path, keras_file in (
        (finished_run.folder, best),
        (tmp_path, tmp_path / "model.keras"),
        (best, best),
    ):
        system, found = starting_point(path)
        assert (system.name, found) == ("cfn_a", keras_file)


def test_what_is_no_starting_point(finished_run: Any, tmp_path: Path) -> None:
    image = keras.Input((2,))
    keras.Model(image, keras.layers.Dense(1)(image), name="mine").save(tmp_path / "mine.keras")
    (tmp_path / "text.keras").write_text("a poem")
    whole = (finished_run.folder / "best.keras").read_bytes()
    (tmp_path / "half.keras").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(tmp_path / "list.keras", "w") as archive:
        archive.writestr("config.json", "[]")
    unfinished = tmp_path / "unfinished"
    shutil.copytree(finished_run.folder, unfinished)
    (unfinished / "final.keras").unlink()
    for path, message in (
        (tmp_path / "mine.keras", "holds a model named 'mine', which is not one of kzoo's"),
        (tmp_path / "text.keras", "no .keras file that can be read at .*text.keras"),
        (tmp_path / "half.keras", "no .keras file that can be read at .*half.keras"),
        (tmp_path / "list.keras", "no .keras file that can be read at .*list.keras"),
        (tmp_path / "absent", "no .keras file that can be read at .*absent"),
        (tmp_path, r"no .keras file that can be read at .*model\.keras"),
        (unfinished, "has not ended"),
    ):
        with pytest.raises(RunError, match=message):
            starting_point(path)
    for name in ("text", "half", "list", "absent"):
        with pytest.raises(RunError, match=rf"{name}\.keras"):
            kzoo.load(tmp_path / f"{name}.keras")


def test_a_frozen_trunk_keeps_its_bits_and_the_head_is_new(finished_run: Any, tuned: Any) -> None:
    before, after = weights_by_layer(finished_run.model()), weights_by_layer(tuned.model("final"))
    head_before, head_after = before.pop("logits"), after.pop("logits")
    assert after == before
    assert head_after != head_before
    assert tuned.model().output_shape == (None, 2)
    said = json.loads((tuned.folder / "run.json").read_text())
    assert said["origin"]["path"].endswith("best.keras")
    assert said["options"] == {"classes": 2}


def test_the_head_was_trained(tuned: Any) -> None:
    with (
        np.load(tuned.folder / "checkpoints" / "step-000000003.npz") as first,
        np.load(tuned.folder / "checkpoints" / "step-000000006.npz") as last,
    ):
        changed = {name for name in last.files if (first[name] != last[name]).any()}
    names = {name.split(" ")[1] for name in changed}
    assert {"kernel", "bias", "iteration"} <= names
    assert sum(name.endswith(" kernel") for name in changed) == 1


def test_with_as_many_classes_the_head_goes_on(finished_run: Any, pictures: Path, tmp_path: Path) -> None:
    model = finished_run.model()
    assert with_classes(model, 3) is model
    start = finished_run.folder / "best.keras"
    still = [*TUNING, "schedule={kind: constant}", "optimizer.learning_rate=1.0e-30", "epochs=1", "freeze=[]"]
    run = train_tiny(pictures, tmp_path / "same", *still, start=start)
    assert weights_by_layer(run.model("final")) == weights_by_layer(model)


def test_a_head_that_is_not_kzoos() -> None:
    image = keras.Input((2,))
    with pytest.raises(UsageError, match="last layer is Dense 'logits'; received 'top'"):
        with_classes(keras.Model(image, keras.layers.Dense(1, name="top")(image)), 2)


def test_a_tuned_model_resumes_like_any_other(
    finished_run: Any, two_classes: Path, tuned: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    shutil.copytree(tuned.folder, folder)
    (folder / "final.keras").unlink()
    (folder / "checkpoints" / "step-000000006.npz").unlink()
    start = tmp_path / "moved.keras"
    shutil.copy(finished_run.folder / "best.keras", start)
    again = train_tiny(two_classes, folder, *TUNING, start=start)
    assert weights_by_layer(again.model("final")) == weights_by_layer(tuned.model("final"))


def test_frozen_batch_normalisation_is_exact(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(image, keras.layers.Dense(2, name="logits")(x), name="small")
    images, labels = np.random.default_rng(0).normal(3, 2, (16, 8, 8, 3)).astype("float32"), np.arange(16) % 2
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    model.compile("sgd", loss)
    model.fit(images, labels, verbose=0)
    before = weights_by_layer(model)
    freeze(model, ["trunk"])
    model.compile("sgd", loss)
    model.fit(images, labels, epochs=2, verbose=0)
    after = weights_by_layer(model)
    assert {name: after[name] == before[name] for name in ("conv", "norm", "logits")} == {
        "conv": True,
        "norm": True,
        "logits": False,
    }

    save_model(model, tmp_path / "small.keras")
    again = keras.saving.load_model(tmp_path / "small.keras")
    assert not again.get_layer("norm").trainable
    np.testing.assert_array_equal(again.predict(images, verbose=0), model.predict(images, verbose=0))


def test_layers_that_cannot_be_frozen(finished_run: Any) -> None:
    with pytest.raises(UnknownNameError, match="layer to freeze 'conv1_l'; did you mean conv1_1"):
        freeze(finished_run.model(), ["conv1_l"])
    with pytest.raises(UsageError, match="freezing trunk, logits leaves cfn_a no weight to train"):
        freeze(finished_run.model(), ["trunk", "logits"])


def test_a_loaded_model_takes_no_options(finished_run: Any, pictures: Path, tmp_path: Path) -> None:
    start = finished_run.folder / "best.keras"
    with pytest.raises(UsageError, match=r"is trained as it was built; received options \{'dropout': 0.1\}"):
        train(make_training(pictures, tmp_path / "run", "options={dropout: 0.1}", start=start))
    assert not (tmp_path / "run").exists()


def test_a_model_file_holds_a_model_and_nothing_of_its_training(finished_run: Any, tuned: Any) -> None:
    for run in (finished_run, tuned):
        for which in ("best", "final"):
            with zipfile.ZipFile(run.weights_path(which)) as archive:
                config = archive.read("config.json").decode()
            modules = set(re.findall(r'"module": "([^"]+)"', config)) - {"builtins"}
            assert all(name.startswith(("keras", "kzoo.layers")) for name in modules), modules
            assert "optimizer" not in config
    assert kzoo.load(tuned.folder).output_shape == (None, 2)


@pytest.mark.slow
def test_a_tuned_model_loads_where_only_the_layers_are_imported(tuned: Any) -> None:
    program = (
        "import sys, keras, kzoo.layers\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "print(model.output_shape, [name for name in sys.modules if name.startswith('kzoo.training')])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, str(tuned.weights_path())],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert answer.stdout.strip() == "(None, 2) []"


def test_the_page_on_plain_keras_is_right(
    finished_run: Any, two_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "finetune.md").read_text(), re.DOTALL)
    shutil.copytree(finished_run.folder, tmp_path / "runs" / "cfn_a-house-emoji")
    shutil.copytree(two_classes, tmp_path / "my_pictures")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(program, "docs/finetune.md", "exec"), names)

    trained = weights_by_layer(finished_run.model())
    trunk = weights_by_layer(names["trunk"])
    assert {name: trained[name] for name in trunk} == trunk
    again = kzoo.load(tmp_path / "my_classifier.keras")
    images = np.random.default_rng(0).normal(size=(3, 32, 32, 3)).astype("float32")
    expected = names["model"].predict(images, verbose=0)
    np.testing.assert_array_equal(again.predict(images, verbose=0), expected)
    served = keras.layers.TFSMLayer(str(tmp_path / "my_classifier"), call_endpoint="serve")
    np.testing.assert_allclose(served(images), expected, atol=1e-5)
