"""`kzoo encode` as a command: what it writes, prints, and answers to what it cannot do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import processes
import pytest
from typer.testing import CliRunner

from kzoo.cli import app

ROOT = Path(__file__).parents[2]


def kzoo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return processes.run("-m", "kzoo.cli", *arguments, cwd=ROOT)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("house/emoji_captions", "--image", "resnet"), 2, "unknown image encoder"),
        (("house/emoji_captions", "--image", "resnet152", "--weights", "absent.h5"), 3, "resnet152:FILE"),
        (("house/emoji",), 2, "unknown captioned data set 'house/emoji'"),
        (("flickr30k",), 3, "download it from https://cs.stanford.edu"),
    ],
)
def test_what_cannot_be_encoded(
    arguments: tuple[str, ...], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    ended = kzoo("encode", *arguments)
    assert ended.returncode == code
    assert message in ended.stderr
    assert ended.stdout == ""
    assert not list(tmp_path.rglob("*"))


def test_help_teaches() -> None:
    shown = CliRunner().invoke(app, ["encode", "--help"], env={"COLUMNS": "120"}).output
    for word in ("--image", "--text", "--beam-args", "features.json", "kzoo encode house/emoji_captions"):
        assert word in shown
