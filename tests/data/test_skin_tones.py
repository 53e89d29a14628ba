"""Groups of skin tones: which there are, how variants differ, and halves without a leak."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kzoo.data.builders import house_skin_tones
from kzoo.data.skin_tones import (
    DEFAULT,
    TONES,
    VARIANTS,
    Drawing,
    distractor_drawings,
    draw,
    drawings_of_split,
    fingerprint,
    group_codes,
    group_halves,
    grouped_drawings,
)
from kzoo.data.sources import open_source
from kzoo.errors import DataError, UnknownNameError


def test_316_groups_of_ten() -> None:
    drawings = grouped_drawings()
    assert Counter(one.group for one in drawings) == dict.fromkeys(range(316), 10)
    assert Counter(one.variant for one in drawings) == dict.fromkeys([DEFAULT, *TONES, *VARIANTS], 316)
    assert len({one.id for one in drawings}) == 3160


def test_distractors_are_of_no_group() -> None:
    distractors = distractor_drawings()
    assert {one.group for one in distractors} == {-1}
    assert not {one.file for one in distractors} & {one.file for one in grouped_drawings()}
    assert len({one.id for one in distractors}) == len(distractors) == 4288


def test_images_of_a_group_differ() -> None:
    group = [one for one in grouped_drawings() if one.group == 0]
    images = {one.variant: draw(one, 48) for one in group}
    assert {image.shape for image in images.values()} == {(48, 48, 3)}
    assert len({image.tobytes() for image in images.values()}) == 10
    assert images["darker"].mean() < images[DEFAULT].mean()
    assert images["faded"].std() < images[DEFAULT].std()
    assert (images["smaller"][0] == 255).all()


def test_fingerprint_follows_the_images() -> None:
    group = tuple(one for one in grouped_drawings() if one.group == 0)
    assert fingerprint(group) == fingerprint(tuple(group))
    assert fingerprint(group) != fingerprint(group[1:])


def test_a_drawing_that_is_not_there() -> None:
    with pytest.raises(DataError, match=r"cannot read .*absent\.svg, the drawing of x"):
        draw(Drawing("x", -1, DEFAULT, "absent"), 32)


def test_halves_share_no_group() -> None:
    first, second = group_halves(316, 0)
    assert sorted([*first, *second]) == list(range(316))
    assert len(first) == 158
    again, _ = group_halves(316, 0)
    other, _ = group_halves(316, 1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_as_a_data_set_they_are_read_as_they_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    few = {split: drawings_of_split(split)[:20] for split in ("train", "test")}
    monkeypatch.setattr(house_skin_tones, "drawings_of_split", few.__getitem__)
    monkeypatch.setattr("kzoo.data.skin_tones.drawings_of_split", few.__getitem__)
    source = open_source("house/skin_tones", image_size_hint=64)
    assert source.classes == group_codes()
    assert {name: split.examples for name, split in source.splits.items()} == {"train": 20, "test": 20}
    arrays = source.arrays("test", image_size=None)
    drawn = {one.id.replace("/", "-"): one for one in few["test"]}
    for image, label, name in zip(arrays["image"], arrays["label"], arrays["id"], strict=True):
        assert drawn[name].group == label
        np.testing.assert_array_equal(image, draw(drawn[name], 64))


def test_splits_share_no_group() -> None:
    train, test = drawings_of_split("train"), drawings_of_split("test")
    assert {one.group for one in train}.isdisjoint({one.group for one in test})
    assert len(train) == len(test) == 1580
    with pytest.raises(UnknownNameError, match="split of house/skin_tones"):
        drawings_of_split("validation")
