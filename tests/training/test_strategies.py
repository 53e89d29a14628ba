from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from training_helpers import finish, history, last_checkpoint, make_training, start_process

from kzoo.errors import DataError, UsageError
from kzoo.training.strategy import is_chief, make_strategy
from kzoo.training.train import train

CASES = {
    "sgd": ["epochs=2"],
    "clipped": ["epochs=2", "optimizer.clip_norm=0.05"],
    "adam": ["epochs=2", "optimizer.name=adam", "optimizer.learning_rate=0.01"],
}


@pytest.fixture(scope="module")
def side_by_side(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case trained on one and on two logical devices, in float64 and without dropout."""
    out = tmp_path_factory.mktemp("devices")
    cases = {name: [*assignments, "options.dropout=0.0"] for name, assignments in CASES.items()}
    finish(start_process("compare_devices", data=pictures, cases=cases, out=out))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_devices_train_as_one(side_by_side: Path, case: str) -> None:
    one, two = (last_checkpoint(side_by_side / case / name) for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert {value.dtype.name for value in one.values()} == {"float64", "int64"}
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=0, atol=1e-12, err_msg=name)
    assert history(side_by_side / case / "one") == [
        pytest.approx(row, rel=1e-5) for row in history(side_by_side / case / "two")
    ]


@pytest.mark.slow
def test_clipping_was_at_work(side_by_side: Path) -> None:
    free, clipped = (last_checkpoint(side_by_side / case / "two") for case in ("sgd", "clipped"))
    assert any(not np.allclose(clipped[name], free[name], atol=1e-3) for name in free)


@pytest.mark.parametrize(
    ("name", "devices", "message"),
    [
        ("tpu", None, "'tpu' is refused: TPUs"),
        ("parameter-server", None, "'parameter_server' is refused: Keras 3"),
        ("mirored", None, "one of auto, single, mirrored, multiworker; received 'mirored'"),
        ("mirrored", 0, "1 or more; received 0"),
        ("single", 2, "one device; received devices=2"),
    ],
)
def test_a_strategy_that_there_is_not(name: str, devices: int | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_strategy(name, devices)


def test_logical_devices_are_refused_once_tensorflow_runs() -> None:
    tf.constant(0)
    count = len(tf.config.list_logical_devices("CPU")) + 1
    with pytest.raises(
        UsageError, match=f"{count} logical CPU devices were asked for, but TensorFlow has started"
    ):
        make_strategy("mirrored", count)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        {"cluster": {"worker": "host:1"}, "task": {"type": "worker", "index": 0}},
        {"cluster": {"worker": ["host:1"]}, "task": {"type": "worker", "index": 1}},
        {"cluster": {"worker": ["host:1"]}, "task": {"type": "chief", "index": 0}},
        {"cluster": {"worker": ["host:1"], "ps": ["host:2"]}, "task": {"type": "worker", "index": 0}},
    ],
)
def test_multiworker_asks_for_a_whole_tf_config(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(UsageError, match="strategy multiworker reads TF_CONFIG"):
        make_strategy("multiworker")


def test_the_only_process_is_the_chief() -> None:
    assert is_chief(make_strategy("single"))
    assert is_chief(make_strategy("auto"))


def test_what_cannot_be_trained_is_refused_before_anything_is_written(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for assignments, changes, error, message in (
        ([], {"precision": "float8"}, UsageError, "one of float32, .*; received 'float8'"),
        (["options.classes=5"], {}, UsageError, "options.classes is 5; .* has 3"),
        (["data.validation_split=dev"], {}, DataError, "no split 'dev', only .*validation_split=null"),
    ):
        with pytest.raises(error, match=message):
            train(make_training(pictures, out, *assignments, **changes))
    assert not out.exists()
