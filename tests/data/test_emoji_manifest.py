"""The committed splits of the emoji set, and the drawings that they are fixed for."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kzoo.data.builders.emoji_manifest import (
    SPLITS,
    load_manifest,
    openmoji_folder,
    read_drawing,
    render_drawing,
)
from kzoo.data.packages import require_packages
from kzoo.errors import DataError

ROOT = Path(__file__).parents[2]
SKIN_TONE_OR_SELECTOR = re.compile(r"-(1F3F[B-F]|FE0F)")
GENDER_OR_DIRECTION = re.compile(r"-200D-(2640|2642|27A1)")


def test_counts_of_splits_and_categories() -> None:
    manifest = load_manifest()
    assert [len(manifest.of_split(split)) for split in SPLITS] == [1029, 200, 400]
    assert len({one.code for one in manifest.emoji}) == len(manifest.emoji) == 1629
    assert len(manifest.categories) == 8
    assert len(manifest.subcategories) == 96
    by_category = {split: Counter(one.category for one in manifest.of_split(split)) for split in SPLITS}
    everything = Counter(one.category for one in manifest.emoji)
    for category, count in everything.items():
        assert abs(by_category["test"][category] - count * 400 / 1629) < 1
        assert abs(by_category["validation"][category] - count * 200 / 1629) < 1


def test_every_subcategory_can_be_learnt() -> None:
    manifest = load_manifest()
    assert {one.subcategory for one in manifest.of_split("train")} == set(manifest.subcategories)


@pytest.mark.parametrize("what", ["group", "drawing bytes", "base without tone, gender and direction"])
def test_nothing_alike_on_two_sides(what: str) -> None:
    key = {
        "group": lambda one: one.group,
        "drawing bytes": lambda one: one.sha256,
        "base without tone, gender and direction": lambda one: GENDER_OR_DIRECTION.sub(
            "", SKIN_TONE_OR_SELECTOR.sub("", one.code)
        ),
    }[what]
    sides = defaultdict(set)
    for one in load_manifest().emoji:
        sides[key(one)].add(one.split)
    assert {name: splits for name, splits in sides.items() if len(splits) > 1} == {}


def test_persons_of_each_gender_stand_together() -> None:
    split = {one.code: one.split for one in load_manifest().emoji}
    farmers = {split[f"{person}-200D-1F33E"] for person in ("1F9D1", "1F468", "1F469")}
    assert len(farmers) == 1


def test_tool_makes_the_committed_manifest() -> None:
    tool = subprocess.run(
        [sys.executable, "tools/make_house_splits.py", "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tool.returncode == 0, tool.stderr
    assert "1029 train, 400 test, 200 validation" in tool.stdout


def test_drawing_with_another_hash_is_refused(tmp_path: Path) -> None:
    emoji = load_manifest().emoji[0]
    original = (openmoji_folder() / f"{emoji.drawing}.svg").read_bytes()
    tampered = original.replace(b"<svg", b"<svg ", 1)
    (tmp_path / f"{emoji.drawing}.svg").write_bytes(tampered)
    with pytest.raises(DataError) as caught:
        read_drawing(tmp_path, emoji)
    message = str(caught.value)
    assert f"{emoji.drawing}.svg" in message
    assert emoji.sha256 in message
    assert hashlib.sha256(tampered).hexdigest() in message


def test_missing_drawing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*absent\.svg.*GRINNING FACE"):
        read_drawing(tmp_path, replace(load_manifest().emoji[0], drawing="absent"))


def test_render_is_white_outside_and_repeats() -> None:
    emoji = load_manifest().emoji[0]
    svg = read_drawing(openmoji_folder(), emoji)
    image = render_drawing(svg, 48)
    assert image.shape == (48, 48, 3)
    assert image.dtype == np.uint8
    assert (image[0] == 255).all()
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 10
    np.testing.assert_array_equal(image, render_drawing(svg, 48))


def test_text_that_is_no_drawing_is_refused() -> None:
    with pytest.raises(DataError, match="resvg cannot draw"):
        render_drawing("<svg", 32)


@pytest.mark.parametrize("content", ["", "{}", '{"emoji": [{"code": "1F600"}]}', '{"emoji": 3}'], ids=repr)
def test_broken_manifest_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"manifest\.json is not the emoji set's manifest"):
        load_manifest(path)


def test_missing_package_comes_with_the_command() -> None:
    with pytest.raises(DataError, match=r'no_such_module_xyz.*pip install "kzoo\[house\]"'):
        require_packages("house", "json", "no_such_module_xyz")
