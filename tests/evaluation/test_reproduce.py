from __future__ import annotations

import contextlib
import csv
import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import processes
import pytest
from open_files import processes_writing

from kzoo.errors import RunError, UsageError
from kzoo.evaluation.reproduce import reproduce
from kzoo.evaluation.results import Report
from kzoo.training.run_folder import Run

TINY = "options={stages: [[3,[6]],[3,[6]],[3,[6]]], branch_channels: 8}"
OVERRIDES = ("epochs=1", "batch_size=10", TINY)
ROWS = "c[nf]n_a"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs and results of two rows and two seeds."""
    place = tmp_path_factory.mktemp("whole")
    again(small_folder, place)
    return place


@pytest.fixture
def place(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to change."""
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def again(data: Path, place: Path, **changes: Any) -> Report:
    asked_for = {"seeds": 2, "rows": ROWS, "jobs": 2, "overrides": OVERRIDES, **changes}
    return reproduce(
        "table-2.2", str(data), runs_folder=place / "runs", results_folder=place / "results", **asked_for
    )


def run_folder(place: Path, system: str, seed: int) -> Path:
    return place / "runs" / "table-2.2" / "colours" / system / f"seed-{seed}"


def lines(place: Path, name: str = "table-2.2-colours.csv") -> list[dict[str, str]]:
    with (place / "results" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def trained_at(place: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in place.rglob("final.keras")}


def test_every_row_and_seed_is_trained_and_written_down(whole: Path, small_folder: Path) -> None:
    found = lines(whole)
    assert [(line["system"], line["seed"]) for line in found] == [
        ("cnn_a", "0"),
        ("cfn_a", "0"),
        ("cnn_a", "1"),
        ("cfn_a", "1"),
    ]
    for line in found:
        run = Run.open(run_folder(whole, line["system"], int(line["seed"])))
        metrics = json.loads((run.folder / "metrics.json").read_text())["test/final"]["metrics"]
        assert float(line["error_percent"]) == pytest.approx(metrics["error_percent"], rel=1e-5)
        assert line["data_fingerprint"] == run.description.data["fingerprint"]
        assert run.description.recipe.seed == int(line["seed"])
        assert (line["steps"], line["weights"], line["split"], line["examples"]) == (
            "3",
            "final",
            "test",
            "18",
        )
    assert len({line["recipe_sha256"] for line in found if line["system"] == "cnn_a"}) == 1
    assert len({line["recipe_sha256"] for line in found}) == 2


def test_the_summary_is_the_mean_over_seeds(whole: Path) -> None:
    errors = {(line["system"], line["seed"]): float(line["error_percent"]) for line in lines(whole)}
    cnn, cfn = lines(whole, "table-2.2-colours-summary.csv")
    assert float(cnn["error_percent"]) == pytest.approx(
        (errors["cnn_a", "0"] + errors["cnn_a", "1"]) / 2, abs=1e-3
    )
    paired = [errors["cfn_a", seed] - errors["cnn_a", seed] for seed in "01"]
    assert float(cfn["difference"]) == pytest.approx(sum(paired) / 2, abs=1e-3)
    assert (cfn["baseline"], cfn["thesis CIFAR-10"]) == ("cnn_a", "14.73")


def test_the_page_needs_no_other_file(whole: Path) -> None:
    page = (whole / "results" / "table-2.2-colours.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,iVBOR") == 2
    assert not re.search(r"https?://|src=\"(?!data:)|href=", page)
    assert "cfn_a &lt; cnn_a" in page
    text = (whole / "results" / "table-2.2-colours.txt").read_text(encoding="utf-8")
    assert "cfn_a < cnn_a" in text
    assert "final weights on the test split" in text


def test_a_second_call_trains_nothing(
    place: Path, small_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before, table = trained_at(place), (place / "results" / "table-2.2-colours.csv").read_bytes()
    again(small_folder, place)
    assert trained_at(place) == before
    assert (place / "results" / "table-2.2-colours.csv").read_bytes() == table
    printed = capfd.readouterr()
    assert "All 4 runs are trained." in printed.err
    assert "Table 2.2 on" in printed.out


def test_a_run_that_was_removed_is_trained_again_alone(
    place: Path, small_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before, losses = trained_at(place), [line["loss"] for line in lines(place)]
    removed = run_folder(place, "cfn_a", 1)
    shutil.rmtree(removed)
    again(small_folder, place)
    after = trained_at(place)
    assert {path for path in after if after[path] != before[path]} == {str(removed / "final.keras")}
    assert [float(line["loss"]) for line in lines(place)] == pytest.approx([float(loss) for loss in losses])
    printed = capfd.readouterr().err
    assert "1 of 4 runs are to be trained" in printed
    assert "Training will take about 1 minute" in printed


def test_a_training_that_fails_is_named_and_the_others_go_on(place: Path, small_folder: Path) -> None:
    for system in ("cnn_a", "cfn_a"):
        shutil.rmtree(run_folder(place, system, 0))
    in_the_way = run_folder(place, "cnn_a", 0)
    in_the_way.mkdir()
    (in_the_way / "letter.txt").write_text("not a run")
    with pytest.raises(
        RunError, match=r"1 of 4 runs failed.*\n  cnn_a seed 0 ended with exit code 4.*no run;"
    ):
        again(small_folder, place, announce=False)
    assert [(line["system"], line["seed"]) for line in lines(place)] == [
        ("cfn_a", "0"),
        ("cnn_a", "1"),
        ("cfn_a", "1"),
    ]
    assert (in_the_way / "letter.txt").read_text() == "not a run"
    assert (
        "FAILED, not in the table: cnn_a seed 0" in (place / "results" / "table-2.2-colours.txt").read_text()
    )


@pytest.mark.parametrize(
    ("name", "content"), [("metrics.json", "{"), ("metrics.json", "[]"), ("run.json", '{"format": 1}')]
)
def test_a_broken_file_of_a_run_is_named(place: Path, small_folder: Path, name: str, content: str) -> None:
    path = run_folder(place, "cfn_a", 1) / name
    path.write_text(content)
    with pytest.raises(RunError, match=re.escape(f"{path} cannot be read")):
        again(small_folder, place)
    assert len(lines(place)) == 3
    assert path.read_text() == content


def test_a_finished_run_of_another_recipe_is_not_taken_for_this_one(place: Path, small_folder: Path) -> None:
    with pytest.raises(RunError, match=r"holds another run.*recipe.epochs: 1.0, 2.0"):
        again(small_folder, place, overrides=("epochs=2", *OVERRIDES[1:]))
    assert lines(place) == []


def test_what_is_trained_but_not_evaluated_is_evaluated(place: Path, small_folder: Path) -> None:
    before = lines(place)
    (run_folder(place, "cfn_a", 1) / "metrics.json").unlink()
    again(small_folder, place)
    assert lines(place) == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_and_continued(tmp_path: Path, small_folder: Path, how: signal.Signals) -> None:
    epochs = 20
    overrides = (f"epochs={epochs}", *OVERRIDES[1:])
    call = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from pathlib import Path; from kzoo.evaluation.reproduce import reproduce; "
        f"reproduce('2.2', {str(small_folder)!r}, seeds=1, rows='cfn_a', overrides={overrides!r}, "
        f"runs_folder=Path({str(tmp_path / 'runs')!r}), results_folder=Path({str(tmp_path / 'results')!r}), "
        "announce=False)"
    )
    folder = run_folder(tmp_path, "cfn_a", 0)
    process = processes.Process("-c", call)
    wait_for(lambda: len(list((folder / "checkpoints").glob("step-*.npz"))) == 2)
    end_by(process, how)
    wait_for(lambda: not processes_writing(folder.with_suffix(".log")))
    assert not (folder / "final.keras").exists()
    begun = (folder / "run.json").stat().st_mtime_ns
    rows = (folder / "history.csv").read_text().splitlines()
    assert 3 <= len(rows) <= epochs

    report = again(small_folder, tmp_path, seeds=1, rows="cfn_a", overrides=overrides, jobs=1, announce=False)

    assert len(report.runs) == 1
    history = (folder / "history.csv").read_text().splitlines()
    assert history[: len(rows) - 1] == rows[:-1]
    assert len(history) == epochs + 1
    assert (folder / "run.json").stat().st_mtime_ns == begun


def test_nothing_is_begun_for_wrong_arguments(tmp_path: Path, small_folder: Path) -> None:
    with pytest.raises(UsageError, match="seeds=0"):
        again(small_folder, tmp_path, seeds=0)
    with pytest.raises(UsageError, match="no row of table"):
        again(small_folder, tmp_path, rows="vgg")
    with pytest.raises(UsageError, match="recipe key"):
        again(small_folder, tmp_path, overrides=["epoch=3"])
    assert list(tmp_path.iterdir()) == []


def end_by(process: processes.Process, how: signal.Signals) -> None:
    """Send the signal until the process ends: a KeyboardInterrupt that strikes a finaliser is lost."""
    while process.poll() is None:
        process.send_signal(how)
        with contextlib.suppress(TimeoutError):
            process.wait(timeout=1)


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
