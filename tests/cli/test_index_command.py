"""`kzoo index`, from pictures and an exported model to neighbours, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import processes
import pytest
from PIL import Image

from kzoo import registry
from kzoo.cli import main
from kzoo.export import export_model

COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures of three colours, and an exported model."""
    folder, random = tmp_path_factory.mktemp("place"), np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        for name, colour in COLOURS.items():
            path = folder / "pictures" / split / name
            path.mkdir(parents=True)
            for number in range(4):
                pixels = np.clip(random.normal(colour, 25, (32, 32, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(path / f"{number}.png")
    system = registry.find("cfn_a")
    model = system.build(**system.tiny, classes=3)
    export_model(model, system, classes=tuple(COLOURS), out=folder / "savedmodels")
    return folder


def kzoo(*arguments: object, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command in this process, which has TensorFlow already."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["kzoo", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_build_search_add_remove_and_info(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: object) -> str:
        code = kzoo("index", *arguments, folder=place, monkeypatch=monkeypatch)
        shown = capsys.readouterr()
        assert code == 0, shown.err
        return shown.out

    model = ("--model", "savedmodels/cfn_a")
    assert "12 vectors of cfn_a version 1, exact" in run(
        "build", "pictures", *model, "--split", "train", "-o", "g"
    )
    query = ("--image", "pictures/train/red/2.png", "--image", "pictures/test/blue/0.png")
    (first, second) = json.loads(run("search", "g", *model, *query, "-k", 3, "--json"))
    assert first["neighbours"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert first["neighbours"][0]["metadata"] == {"class": "red", "data": "pictures", "split": "train"}
    assert len(second["neighbours"]) == 3
    code = kzoo("search", "g", *model, *query[:2], "-k", 3, "--json", folder=place, monkeypatch=monkeypatch)
    shown = capsys.readouterr()
    assert code == 0, shown.err
    (alone,) = json.loads(shown.out)
    assert [neighbour["id"] for neighbour in alone["neighbours"]] == [
        neighbour["id"] for neighbour in first["neighbours"]
    ]
    np.testing.assert_allclose(  # a batch of one and a batch of two are not summed in one order
        [neighbour["score"] for neighbour in alone["neighbours"]],
        [neighbour["score"] for neighbour in first["neighbours"]],
        rtol=1e-5,
    )
    code = kzoo("search", "g", *model, "--text", "red", folder=place, monkeypatch=monkeypatch)
    assert (code, "is an index of images" in capsys.readouterr().err) == (2, True)
    assert "12 added, 0 replaced, 24 in all" in run("add", "g", "pictures", *model, "--split", "test")
    assert "0 added, 12 replaced, 24 in all" in run(
        "add", "g", "pictures", *model, "--split", "test", "--rebalance"
    )
    removed = first["neighbours"][0]["id"]
    assert "1 removed, 23 in all" in run("remove", "g", removed)
    shown = run("search", "g", *model, *query, "-o", "sheet.png")
    assert removed not in shown
    with Image.open(place / "sheet.png") as sheet:
        assert sheet.size[0] > 11 * 96
        own = np.asarray(Image.open(place / "pictures/train/red/2.png").resize((96, 96)))
        np.testing.assert_array_equal(np.asarray(sheet)[6:102, 6:102], own)
    facts = json.loads(run("info", "g", "--json"))
    assert (facts["count"], facts["model"], facts["model_version"]) == (23, "cfn_a", "1")


def test_what_does_not_fit_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ("--model", "savedmodels/cfn_a")
    for arguments, code, message in (
        (("build", "pictures", *model, "-o", "pictures"), 2, "exists already"),
        (("build", "pictures", *model, "-o", "new", "--plan", "leafs=3"), 2, "leafs=3"),
        (("build", "pictures", "--model", "pictures", "-o", "new"), 2, "no exported model and no run"),
        (("search", "none", *model, "--image", "pictures/test/red/0.png"), 8, "is no index"),
        (("info", "pictures"), 8, "is no index"),
    ):
        assert kzoo("index", *arguments, folder=place, monkeypatch=monkeypatch) == code
        assert message in capsys.readouterr().err
    for arguments, message in (
        (("pictures", "--image", "x.png"), "expected --model"),
        (
            ("cfn_a", "--server", "127.0.0.1:1", "--text", "red"),
            "--server goes with a model's name and --image",
        ),
    ):
        assert kzoo("search", *arguments, folder=place, monkeypatch=monkeypatch) == 2
        assert message in capsys.readouterr().err
    assert not (place / "new").exists()


def test_a_collection_of_milvus_lite_is_an_index_too(place: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        root = {"PYTHONPATH": str(Path(__file__).parents[2])}
        return processes.run("-m", "kzoo.cli", "index", *arguments, cwd=place, environment=root)

    uri, model = "milvus://lite.db/pictures", ("--model", "savedmodels/cfn_a")
    built = run("build", "pictures", *model, "--split", "test", "-o", uri)
    assert built.returncode == 0, built.stderr
    found = run("search", uri, *model, "--image", "pictures/test/green/1.png", "-k", "2", "--json")
    assert found.returncode == 0, found.stderr
    (answer,) = json.loads(found.stdout)
    assert answer["neighbours"][0]["score"] == pytest.approx(1, abs=1e-4)
    assert answer["neighbours"][0]["metadata"]["class"] == "green"
