"""Worker processes of one cluster: started, watched, stopped, started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from training_helpers import ROOT, last_checkpoint, make_recipe

from kzoo.errors import RunError, UsageError
from kzoo.training.launch import launch

LAUNCH = [sys.executable, "-m", "kzoo.cli", "launch", "--workers", "2"]


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def started(data: Path, out: Path, *options: str, epochs: int = 3) -> subprocess.Popen[str]:
    recipe = out.with_suffix(".yaml")
    recipe.write_text(make_recipe(data, "options.dropout=0.0", f"epochs={epochs}").to_yaml())
    arguments = ["train", "cfn_a", "--recipe", recipe, "--out", out]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    return subprocess.Popen(
        [*LAUNCH, *options, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_fewer_than_two_workers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="2 workers or more; received 1"):
        launch(["list"], workers=1, say=print)
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(UsageError, match="TF_CONFIG is set"):
        launch(["list"], workers=2, say=print)


def test_a_failing_worker_ends_all_and_is_named() -> None:
    said: list[str] = []
    with pytest.raises(RunError, match=r"worker \d ended with exit code 2, so all were stopped"):
        launch(["train", "no_such_model"], workers=2, restarts=1, say=said.append)
    assert sum("started again, 0 restarts left" in line for line in said) == 1
    assert any(line.startswith("[worker 1] kzoo: ") and "no_such_model" in line for line in said)
    processes = [int(line.rpartition(" ")[2]) for line in said if "is process" in line]
    assert len(processes) == 4
    assert not any(map(alive, processes))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list"], "launch runs train or finetune, with its arguments after it; received 'list'"),
        ([], "nothing was received"),
        (["train", "cfn_a", "--strategy", "mirrored"], "leave --strategy away"),
    ],
)
def test_what_cannot_be_launched(arguments: list[str], message: str) -> None:
    done = subprocess.run([*LAUNCH, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


@pytest.mark.slow
def test_a_killed_worker_is_noticed_and_the_run_goes_on(pictures: Path, tmp_path: Path) -> None:
    unbroken = started(pictures, tmp_path / "unbroken", epochs=8)
    told = unbroken.communicate(timeout=300)[0]
    assert unbroken.returncode == 0, told

    broken = started(pictures, tmp_path / "broken", "--restarts", "1", epochs=8)
    assert broken.stdout is not None
    second = 0
    for line in broken.stdout:
        if found := re.search(r"worker 1 is process (\d+)", line):
            second = int(found[1])
            break
    deadline = time.monotonic() + 240
    while not list((tmp_path / "broken" / "checkpoints").glob("step-*.npz")):
        assert time.monotonic() < deadline, "no checkpoint"
        time.sleep(0.02)
    os.kill(second, signal.SIGKILL)
    told = broken.communicate(timeout=300)[0]
    assert broken.returncode == 0, told
    assert "all are started again, 0 restarts left" in told
    expected = last_checkpoint(tmp_path / "unbroken")
    for name, value in last_checkpoint(tmp_path / "broken").items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
    assert (tmp_path / "broken" / "final.keras").is_file()
