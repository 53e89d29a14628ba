"""Two real processes that train one model over the loopback interface."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from training_helpers import history, last_checkpoint, start_process, state_of_run, train_tiny

pytestmark = pytest.mark.slow

ASSIGNMENTS = ["options.dropout=0.0", "optimizer.clip_norm=1.0"]


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def train_on_two_workers(
    data: Path, folders: tuple[Path, Path], assignments: list[str]
) -> list[tuple[int, str]]:
    """Return the exit code and the standard error of each."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    processes = [
        start_process(
            "train",
            environment={
                "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
            },
            data=data,
            out=folder,
            strategy="multiworker",
            devices=None,
            assignments=assignments,
            precision="float64",
        )
        for index, folder in enumerate(folders)
    ]
    errors = [process.communicate(timeout=600)[1] for process in processes]
    return [(process.returncode, error) for process, error in zip(processes, errors, strict=True)]


@pytest.fixture(scope="module")
def two_workers(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("workers")
    folders = (place / "chief", place / "other")
    for code, error in train_on_two_workers(pictures, folders, ASSIGNMENTS):
        assert code == 0, error[-3000:]
    return folders


def test_two_workers_train_as_one_process(
    two_workers: tuple[Path, Path], pictures: Path, tmp_path: Path
) -> None:
    chief, other = two_workers
    assert not other.exists()
    alone = train_tiny(pictures, tmp_path / "alone", *ASSIGNMENTS, precision="float64").folder
    for name in ("final.keras", "best.keras"):
        assert (chief / name).is_file()
    together, single = last_checkpoint(chief), last_checkpoint(alone)
    assert together.keys() == single.keys()
    for name, value in single.items():
        np.testing.assert_allclose(together[name], value, rtol=0, atol=1e-12, err_msg=name)
    # the measures, of validation too, are over all examples, not over the chief's
    assert history(chief) == [pytest.approx(row, rel=1e-5) for row in history(alone)]
    assert (chief / "best.json").read_text() == (alone / "best.json").read_text()


def test_the_model_of_several_workers_is_a_plain_one(two_workers: tuple[Path, Path]) -> None:
    import kzoo

    assert type(kzoo.load(two_workers[0])).__name__ == "Functional"


def test_both_workers_resume_from_the_chiefs_checkpoint(
    two_workers: tuple[Path, Path], pictures: Path, tmp_path: Path
) -> None:
    resumed = tmp_path / "chief"
    shutil.copytree(two_workers[0], resumed)
    for name in ("final.keras", "best.keras", "checkpoints/step-000000012.npz"):
        (resumed / name).unlink()
    for code, error in train_on_two_workers(pictures, (resumed, tmp_path / "other"), ASSIGNMENTS):
        assert code == 0, error[-3000:]
    assert not (tmp_path / "other").exists()
    assert state_of_run(resumed) == state_of_run(two_workers[0])


def test_an_error_of_the_chief_ends_both(
    two_workers: tuple[Path, Path], pictures: Path, tmp_path: Path
) -> None:
    folders = (two_workers[0], tmp_path / "other")
    (chief, said), (other, told) = train_on_two_workers(pictures, folders, [*ASSIGNMENTS, "seed=4"])
    assert (chief, other) == (1, 1)
    assert "holds another run (1 differences: there, asked for):\n  recipe.seed: 3, 4" in said
    assert "RunError: the chief, which alone has the run folder, ended with an error" in told
