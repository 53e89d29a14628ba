from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from training_helpers import finish, start_process, state_of_run, train_tiny

from kzoo.training.models import with_precision


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_trains_with_whole_weights_and_logits(
    pictures: Path, tmp_path: Path, precision: str
) -> None:
    run = train_tiny(pictures, tmp_path / "run", "epochs=2", precision=precision)
    assert keras.config.dtype_policy().name == "float32"
    model = run.model("final")
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model.get_layer("conv1_1").compute_dtype == precision.removeprefix("mixed_")
    assert model.get_layer("logits").compute_dtype == "float32"
    assert model(np.zeros((1, 32, 32, 3), np.float32)).dtype == "float32"

    checkpoint = run.folder / "checkpoints" / "step-000000008.npz"
    with np.load(checkpoint) as archive:
        scale = [archive[name] for name in archive.files if name.endswith("dynamic_scale")]
        assert {archive[name].dtype.name for name in archive.files if "kernel" in name} == {"float32"}
    assert len(scale) == (precision == "mixed_float16")

    whole = state_of_run(run.folder)
    for path in (checkpoint, run.folder / "final.keras", run.folder / "best.keras"):
        path.unlink()
    train_tiny(pictures, run.folder, "epochs=2", precision=precision)
    assert state_of_run(run.folder) == whole


@pytest.mark.slow
def test_a_step_is_skipped_if_one_device_overflows() -> None:
    skipped, taken = json.loads(finish(start_process("overflow_on_one_device")))
    assert skipped == [1.0, 2.0, 0]
    # the gradients of both devices, 1 scaled by 2, add up to 1
    assert taken == [0.5, 2.0, 1]


def test_a_loaded_model_computes_as_it_is_told() -> None:
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(image, keras.layers.Dense(2, name="logits")(x), name="small")
    assert with_precision(model, "float32") is model
    half = with_precision(model, "mixed_bfloat16")
    assert [half.get_layer(name).compute_dtype for name in ("conv", "pool", "logits")] == [
        "bfloat16",
        "bfloat16",
        "float32",
    ]
    for one, other in zip(half.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    again = with_precision(half, "float32")
    assert {layer.compute_dtype for layer in again.layers} == {"float32"}
