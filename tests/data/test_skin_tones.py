"""Groups of skin tones: which there are, how variants differ, and halves without a leak."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from kzoo.data.skin_tones import (
    DEFAULT,
    TONES,
    VARIANTS,
    Drawing,
    distractor_drawings,
    draw,
    fingerprint,
    group_halves,
    grouped_drawings,
)
from kzoo.errors import DataError


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
