"""The `kzoo` command as a person runs it: real processes, real folders, and an exit code for each mistake."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import processes
import pytest
from PIL import Image

ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"}
TINY = [
    "--set",
    "options={stages: [[3, [6]], [3, [6]], [3, [6]]], branch_channels: 8}",
    "--set",
    "batch_size=8",
]


def kzoo(*arguments: object, folder: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return processes.run("-m", "kzoo.cli", *arguments, cwd=folder, environment=ENVIRONMENT, timeout=timeout)


def write_pictures(folder: Path, classes: dict[str, int], per_class: int = 8) -> Path:
    """Write noisy pictures of one colour a class into FOLDER/SPLIT/CLASS."""
    random = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        for name, brightness in classes.items():
            for number in range(per_class):
                pixels = np.clip(random.normal(brightness, 40, (32, 32, 3)), 0, 255).astype(np.uint8)
                pixels[: brightness // 8] //= 3
                path = folder / split / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), {"dark": 60, "grey": 130, "light": 200})


@pytest.fixture(scope="module")
def run_folder(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    done = kzoo(
        "train", "cfn_a", "--data", pictures, "--strategy", "mirrored", "--devices", 2, "--set", "epochs=2",
        *TINY, "--out", folder / "cfn", folder=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "cfn"


def test_help_loads_no_tensorflow(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = ['kzoo', '--help']\n"
        "from kzoo.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "loaded = {'tensorflow', 'keras', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for verb in ("train", "evaluate", "export", "serve", "query", "finetune", "reproduce"):
        assert verb in done.stdout


@pytest.mark.parametrize("verb", ["train", "finetune", "query", "reproduce"])
def test_help_of_a_verb_teaches_by_example(verb: str, tmp_path: Path) -> None:
    done = kzoo(verb, "--help", folder=tmp_path)
    assert done.returncode == 0
    assert f"kzoo {verb}" in done.stdout


def test_list_as_json_says_what_there_is(tmp_path: Path) -> None:
    rows = json.loads(kzoo("list", "cfn_?", "--json", folder=tmp_path).stdout)
    assert [row["name"] for row in rows] == ["cfn_a", "cfn_b"]
    assert rows[0]["parameters"] == 249_930
    assert rows[0]["input"] == {"image": [32, 32, 3]}
    assert {"name", "system", "parameters", "input", "recipes"} <= set(rows[0])


def test_a_printed_recipe_is_read_back(tmp_path: Path) -> None:
    printed = kzoo(
        "recipe", "cfn_b", "cifar10", "--set", "optimizer.learning_rate=0.05", folder=tmp_path
    ).stdout
    from kzoo.recipe import Recipe

    assert Recipe.from_yaml(printed).optimizer.learning_rate == 0.05


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "cfn_aa", "--data", "house/emoji"], 2, "did you mean cfn_a"),
        (["train", "cfn_a", "--data", "house/emojis"], 2, "house/emoji"),
        (["train", "cfn_a"], 2, "--data or --recipe"),
        (["train", "cfn_a", "--data", "cifar10", "--set", "optimizer.learning_rat=1"], 2, "learning_rate"),
        (["train", "cfn_a", "--data", "cifar10", "--recipe", "nothing.yaml"], 2, "cannot be read"),
        (["train", "cfn_a", "--data", "./empty"], 3, "empty"),
        (["evaluate", "nowhere"], 4, "no run folder at nowhere"),
        (["evaluate", "empty"], 4, "no run.json"),
        (["export", "broken"], 4, "run.json cannot be read"),
        (["export", "broken", "--int8"], 2, "--int8 goes with --format litert"),
        (["export", "broken", "--format", "litert", "--calibrate", "x"], 2, "--calibrate goes with --int8"),
        (["finetune", "broken.keras", "--data", "x"], 4, "broken.keras"),
        (["serve", "nowhere"], 6, "nowhere"),
        (["query", "cfn_a", "broken.keras", "--server", "127.0.0.1:1", "--timeout", "1"], 6, "not ready"),
        (["card", "cfn_z"], 2, "unknown model 'cfn_z'"),
    ],
)
def test_mistakes_have_a_message_and_an_exit_code(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{", encoding="utf-8")
    (tmp_path / "broken.keras").write_bytes(b"no zip")
    done = kzoo(*arguments, folder=tmp_path)
    assert message in done.stderr
    assert done.stderr.startswith("kzoo: ")
    assert "Traceback" not in done.stderr
    assert done.returncode == code


@pytest.mark.parametrize(
    ("strategy", "reason"),
    [
        ("tpu", "nothing of kzoo was ever run on one"),
        ("parameter-server", "Keras 3 models do not train under ParameterServerStrategy"),
        ("mirored", "not one of auto, single, mirrored, multiworker"),
    ],
)
def test_a_strategy_that_there_is_not_is_refused_with_the_reason(
    strategy: str, reason: str, tmp_path: Path
) -> None:
    done = kzoo("train", "cfn_a", "--data", "cifar10", "--strategy", strategy, folder=tmp_path)
    assert done.returncode == 2
    assert reason in done.stderr


@pytest.mark.slow
def test_from_pictures_to_an_answer_and_back(run_folder: Path, pictures: Path, tmp_path: Path) -> None:
    evaluated = kzoo("evaluate", run_folder, "--json", folder=tmp_path)
    assert json.loads(evaluated.stdout)["examples"] == 24
    models = tmp_path / "savedmodels"
    exported = kzoo("export", run_folder, "--out", models, folder=tmp_path)
    assert exported.returncode == 0, exported.stderr
    again = kzoo("export", run_folder, "--out", models, "--version", 1, folder=tmp_path)
    assert again.returncode == 5
    assert "exists" in again.stderr

    command = ["-m", "kzoo.cli", "serve", models, "--port", 0, "--port-file", "port"]
    server = processes.Process(*command, cwd=tmp_path, environment=ENVIRONMENT)
    try:
        assert "listening on 127.0.0.1:" in server.stdout.readline()
        address = f"127.0.0.1:{(tmp_path / 'port').read_text().strip()}"
        images = sorted((pictures / "test").rglob("*.png"))
        asked = ["query", "cfn_a", *images, "--server", address]
        answer = kzoo(*asked, "--json", "--page", "answers.html", folder=tmp_path)
        rows = json.loads(answer.stdout)
        assert [row["image"] for row in rows] == [str(path) for path in images]
        right = [Path(row["image"]).parent.name == row["best"][0]["class"] for row in rows]
        accuracy = json.loads(evaluated.stdout)["metrics"]["accuracy"]
        best = json.loads(kzoo("evaluate", run_folder, "--weights", "best", "--json", folder=tmp_path).stdout)
        assert np.mean(right) == pytest.approx(best["metrics"]["accuracy"])
        assert 0 <= accuracy <= 1
        assert (tmp_path / "answers.html").read_text().count("data:image/png;base64") == 24
        broken = tmp_path / "broken.png"
        broken.write_bytes(images[0].read_bytes()[:60])
        refused = kzoo("query", "cfn_a", broken, "--server", address, folder=tmp_path)
        assert refused.returncode == 6
        assert "row" in refused.stderr
        taken = kzoo("serve", models, "--port", address.rsplit(":", 1)[1], folder=tmp_path)
        assert taken.returncode == 6
        assert "in use" in taken.stderr
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.communicate()


@pytest.mark.slow
def test_pictures_of_a_run(run_folder: Path, tmp_path: Path) -> None:
    drawn = kzoo("evaluate", run_folder, "--pictures", "pictures", folder=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {"history.png", "fusion_weights.png", "activations.png"}


@pytest.mark.slow
def test_finetune_on_other_classes_then_evaluate_and_export(run_folder: Path, tmp_path: Path) -> None:
    other = write_pictures(tmp_path / "other", {"black": 30, "white": 220})
    tuned = kzoo(
        "finetune", run_folder, "--data", other, "--freeze", "trunk", "--set", "epochs=2", "--set",
        "batch_size=8", "--set", "optimizer.learning_rate_multipliers={}", "--out", "tuned", folder=tmp_path,
    )  # fmt: skip
    assert tuned.returncode == 0, tuned.stderr
    evaluated = json.loads(kzoo("evaluate", "tuned", "--json", folder=tmp_path).stdout)
    assert list(evaluated["class_accuracy"]) == ["black", "white"]
    assert kzoo("export", "tuned", folder=tmp_path).returncode == 0
    card = json.loads((tmp_path / "savedmodels" / "cfn_a" / "1" / "card.json").read_text())
    assert card["classes"] == ["black", "white"]
    assert card["training"]["origin"]["path"].endswith("best.keras")


@pytest.mark.slow
def test_a_run_folder_of_another_model_is_refused(run_folder: Path, pictures: Path, tmp_path: Path) -> None:
    done = kzoo("train", "cnn_a", "--data", pictures, *TINY, "--out", run_folder, folder=tmp_path)
    assert done.returncode == 4
    assert "model: 'cfn_a', 'cnn_a'" in done.stderr


def test_port_in_use_is_said(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = kzoo("serve", "models", "--port", taken.getsockname()[1], folder=tmp_path)
    assert done.returncode == 6
    assert "in use" in done.stderr
