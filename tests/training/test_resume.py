"""A run that is broken off anywhere and begun again ends as an unbroken one, to the bit."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from training_helpers import STEPS_PER_EPOCH, finish, start_process, state_of_run, train_tiny

EPOCHS = "epochs=12"


def kill_after_a_checkpoint(data: Path, out: Path, strategy: str, devices: int | None) -> None:
    process = start_process(
        "train", data=data, out=out, strategy=strategy, devices=devices, assignments=[EPOCHS]
    )
    while not list(out.glob("checkpoints/step-*.npz")):
        assert process.poll() is None, process.communicate()[1][-3000:]
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (out / "final.keras").exists()


def test_killed_and_resumed_is_as_unbroken(pictures: Path, tmp_path: Path) -> None:
    kill_after_a_checkpoint(pictures, tmp_path / "killed", "single", None)
    train_tiny(pictures, tmp_path / "killed", EPOCHS)
    train_tiny(pictures, tmp_path / "unbroken", EPOCHS)
    assert state_of_run(tmp_path / "killed") == state_of_run(tmp_path / "unbroken")


@pytest.mark.slow
def test_killed_on_two_devices_and_resumed_is_as_unbroken(pictures: Path, tmp_path: Path) -> None:
    kill_after_a_checkpoint(pictures, tmp_path / "killed", "mirrored", 2)
    for name in ("killed", "unbroken"):
        task = {"strategy": "mirrored", "devices": 2, "assignments": [EPOCHS]}
        finish(start_process("train", data=pictures, out=tmp_path / name, **task))
    assert state_of_run(tmp_path / "killed") == state_of_run(tmp_path / "unbroken")


@pytest.mark.parametrize(
    "lost",
    [
        # after the tables and best.npz, before the checkpoint of the same epoch
        ["final.keras", "best.keras", "checkpoints/step-000000012.npz"],
        # in the first epoch, before any checkpoint
        ["final.keras", "best.keras", "checkpoints"],
        # after the last checkpoint, before the models were written
        ["final.keras"],
        # as it began
        ["final.keras", "best.keras", "checkpoints", "best.json", "best.npz", "history.csv", "recipe.yaml"],
    ],
)
def test_broken_off_between_two_files(
    finished_run: Any, pictures: Path, tmp_path: Path, lost: list[str]
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(finished_run.folder, folder)
    for name in lost:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert not finished_run.open(folder).finished
    train_tiny(pictures, folder)
    assert state_of_run(folder) == state_of_run(finished_run.folder)


def test_a_finished_run_is_left_alone(finished_run: Any, pictures: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished_run.folder.rglob("*")}
    again = train_tiny(pictures, finished_run.folder)
    assert again.finished
    assert {path: path.stat().st_mtime_ns for path in finished_run.folder.rglob("*")} == before


def test_a_run_has_the_steps_that_its_recipe_says(pictures: Path, tmp_path: Path) -> None:
    folder = train_tiny(pictures, tmp_path / "six", "steps=6", "schedule.warmup=2").folder
    assert [path.name for path in sorted((folder / "checkpoints").iterdir())] == [
        f"step-{STEPS_PER_EPOCH:09d}.npz",
        "step-000000006.npz",
    ]
    rows = (folder / "history.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "1", "2"]
    assert rows[-1].endswith(",0")  # the cosine rate has come to its end
    whole = state_of_run(folder)
    for name in ("final.keras", "best.keras", "checkpoints/step-000000006.npz"):
        (folder / name).unlink()
    train_tiny(pictures, folder, "steps=6", "schedule.warmup=2")
    assert state_of_run(folder) == whole
