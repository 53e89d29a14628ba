from __future__ import annotations

import json
import os
import pty
import sys
import threading
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
from training_helpers import make_training, train_tiny

from kzoo.errors import RunError
from kzoo.training.callbacks import EpochTables, KeepBest, Table
from kzoo.training.train import train


@pytest.fixture
def model() -> keras.Model:
    image = keras.Input((2,))
    return keras.Model(image, keras.layers.Dense(1, use_bias=False, name="logits")(image))


def keep(folder: Path, model: keras.Model, accuracies: list[float], first_epoch: int = 0) -> dict[str, Any]:
    """Let epochs end with these accuracies and weights equal to their numbers; return what is kept."""
    callback = KeepBest(folder, "val_accuracy", first_epoch)
    callback.set_model(model)
    for epoch, accuracy in enumerate(accuracies, start=first_epoch):
        model.set_weights([np.full((2, 1), epoch + 1, np.float32)])
        callback.on_epoch_end(epoch, {"val_accuracy": accuracy})
    with np.load(folder / "best.npz") as archive:
        kept = archive["0 kernel"]
    record = json.loads((folder / "best.json").read_text())
    assert kept.tolist() == [[record["epoch"]], [record["epoch"]]]
    return record


def test_the_best_is_kept_and_of_equals_the_first(model: keras.Model, tmp_path: Path) -> None:
    record = keep(tmp_path, model, [0.25, 0.75, 0.5, 0.75])
    assert record == {"epoch": 2, "metric": "val_accuracy", "value": 0.75}


def test_a_resumed_run_keeps_what_an_unbroken_one_would(model: keras.Model, tmp_path: Path) -> None:
    keep(tmp_path, model, [0.25, 0.5, 0.75])
    assert keep(tmp_path, model, [0.5, 0.75], first_epoch=3)["epoch"] == 3
    # broken off after the best of epoch 3 was kept and before its checkpoint was
    assert keep(tmp_path, model, [0.5, 0.5], first_epoch=2)["epoch"] == 3


def test_broken_off_between_weights_and_record(model: keras.Model, tmp_path: Path) -> None:
    keep(tmp_path, model, [0.25, 0.5])
    (tmp_path / "best.json").unlink()
    assert keep(tmp_path, model, [0.5, 0.5], first_epoch=1)["epoch"] == 2


def test_a_broken_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "best.npz").write_bytes(b"")
    (tmp_path / "best.json").write_text("{")
    with pytest.raises(RunError, match=r"best\.json cannot be read"):
        KeepBest(tmp_path, "val_accuracy", 0)


def test_a_table_is_cut_back_and_goes_on(tmp_path: Path) -> None:
    table = Table(tmp_path / "history.csv")
    for epoch in (1, 2, 3):
        table.add({"epoch": epoch, "loss": f"{1 / epoch:.6g}"})
    again = Table(tmp_path / "history.csv")
    again.cut_after(1)
    again.add({"epoch": 2, "loss": "0.25"})
    assert (tmp_path / "history.csv").read_text() == "epoch,loss\n1,1\n2,0.25\n"


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("loss\n1\n")
    with pytest.raises(RunError, match=r"history\.csv is no table of epochs"):
        EpochTables(tmp_path, first_epoch=1)


def test_every_epoch_is_in_the_tables_and_on_tensorboard(finished_run: Any) -> None:
    folder = finished_run.folder
    history = (folder / "history.csv").read_text().splitlines()
    assert history[0] == "epoch,accuracy,loss,val_accuracy,val_loss,learning_rate"
    fusion = (folder / "fusion_weights.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in fusion] == ["epoch", "0", "1", "2", "3"]
    # before the first step each of three branches weighs a third
    assert fusion[1] == "0" + 3 * ",0.333333,0"
    for part, column in (("train", 2), ("validation", 4)):
        events = EventAccumulator(str(folder / "tensorboard" / part))
        events.Reload()
        losses = [make_ndarray(event.tensor_proto) for event in events.Tensors("epoch_loss")]
        written = [f"{float(loss):.6g}" for loss in losses]
        assert written == [line.split(",")[column] for line in history[1:]]


def test_no_bar_without_a_terminal(
    pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    train_tiny(pictures, tmp_path / "run", "steps=2", "schedule.warmup=0", quiet=False)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "cfn_a" not in printed.err


@pytest.mark.parametrize("quiet", [False, True])
def test_one_bar_on_a_terminal(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    training = make_training(pictures, tmp_path / "run", "steps=6", "schedule.warmup=0", quiet=quiet)
    shown = on_terminal(monkeypatch, lambda: train(training))
    if quiet:
        assert shown == ""
    else:
        assert "cfn_a on" in shown
        assert "6/6" in shown
        assert "val_accuracy" in shown
        # the bar is drawn over itself: of all that is written, one line stays
        assert shown.count("\n") == 1


def on_terminal(monkeypatch: pytest.MonkeyPatch, action: Any) -> str:
    """Return what `action` writes to standard error where that is a wide terminal."""
    ours, theirs = pty.openpty()
    monkeypatch.setenv("COLUMNS", "200")
    received: list[bytes] = []

    def receive() -> None:
        try:
            while chunk := os.read(ours, 4096):
                received.append(chunk)
        except OSError:  # how Linux says that the other end was closed
            return

    reader = threading.Thread(target=receive)
    reader.start()
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        action()
    reader.join(timeout=60)
    os.close(ours)
    return b"".join(received).decode()
