from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kzoo.errors import RunError
from kzoo.training.callbacks import state_of
from kzoo.training.checkpoints import Checkpoints, restore_variables, save_variables


def small_model(units: int = 3, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    image = keras.Input((4,))
    x = keras.layers.Dropout(0.5, name="dropout")(keras.layers.Dense(units, name="hidden")(image))
    model = keras.Model(image, keras.layers.Dense(2, name="logits")(x))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    model.optimizer.build(model.trainable_variables)
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 2)))
    return model


def values(variables: list[Any]) -> list[bytes]:
    return [np.asarray(keras.ops.convert_to_numpy(variable)).tobytes() for variable in variables]


def test_round_trip_is_exact_for_weights_optimiser_and_random_state(tmp_path: Path) -> None:
    model, other = small_model(), small_model(seed=1)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(7, state_of(model))
    assert values(state_of(other)) != values(state_of(model))
    assert checkpoints.restore_latest(state_of(other)) == 7
    assert values(state_of(other)) == values(state_of(model))
    names = {variable.path.split("/")[-1] for variable in state_of(model)}
    assert {"kernel", "bias", "seed_generator_state", "iteration", "learning_rate"} <= names


def test_the_two_newest_are_kept_and_other_files_left_alone(tmp_path: Path) -> None:
    checkpoints, variables = Checkpoints(tmp_path), small_model().weights
    (tmp_path / "step-notes.txt").write_text("mine")
    for step in (5, 10, 1_000_000, 20):
        checkpoints.save(step, variables)
    assert checkpoints.steps() == [20, 1_000_000]
    assert (tmp_path / "step-notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_no_checkpoint_is_step_0(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "absent").restore_latest(small_model().weights) == 0


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "pickle", "flipped", "array"])
def test_a_broken_file_is_named_with_the_older_one_and_nothing_is_assigned(
    tmp_path: Path, damage: str
) -> None:
    model = small_model()
    checkpoints = Checkpoints(tmp_path)
    for step in (4, 8):
        checkpoints.save(step, state_of(small_model(seed=2)))
    path = checkpoints.path(8)
    whole = path.read_bytes()
    if damage == "array":
        np.save(path.with_suffix(".npy"), np.zeros(3))
        path.with_suffix(".npy").replace(path)
    else:
        path.write_bytes(
            {
                "truncated": whole[: len(whole) // 2],
                "empty": b"",
                "text": b"not a checkpoint",
                "pickle": b"\x80\x04N.",
                "flipped": whole[:200] + bytes([whole[200] ^ 0xFF]) + whole[201:],
            }[damage]
        )
    before = values(state_of(model))
    with pytest.raises(
        RunError, match=r"step-000000008\.npz cannot be read.*remove it to resume from step 4"
    ):
        checkpoints.restore_latest(state_of(model))
    assert values(state_of(model)) == before
    path.unlink()
    assert checkpoints.restore_latest(state_of(model)) == 4


def test_any_flipped_byte_is_noticed_or_harmless(tmp_path: Path) -> None:
    model = small_model()
    path = tmp_path / "state.npz"
    save_variables(path, model.weights)
    whole, before = path.read_bytes(), values(model.weights)
    generator = np.random.default_rng(0)
    noticed = 0
    for place in generator.choice(len(whole), 300, replace=False):
        broken = bytearray(whole)
        broken[place] ^= int(generator.integers(1, 256))
        path.write_bytes(bytes(broken))
        try:
            restore_variables(path, model.weights)
        except RunError:
            noticed += 1
        assert values(model.weights) == before
    assert noticed > 100


def test_another_models_checkpoint_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    save_variables(path, small_model(units=5).weights)
    model = small_model(units=3)
    before = values(model.weights)
    with pytest.raises(
        RunError, match=r"another model.*'0 kernel' is float32 \(4, 5\), expected float32 \(4, 3\)"
    ):
        restore_variables(path, model.weights)
    save_variables(path, model.weights[:3])
    with pytest.raises(RunError, match="no variable '3 bias'"):
        restore_variables(path, model.weights)
    save_variables(path, [*model.weights, *model.optimizer.variables])
    with pytest.raises(RunError, match=r"10 variables, expected 4; in excess '4 iteration'"):
        restore_variables(path, model.weights)
    np.savez(path, **{"0 kernel": np.zeros((4, 3), np.float64)})
    with pytest.raises(RunError, match=r"'0 kernel' is float64 \(4, 3\), expected float32"):
        restore_variables(path, model.weights[:1])
    assert values(model.weights) == before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gone\.npz cannot be read"):
        restore_variables(tmp_path / "gone.npz", small_model().weights)
