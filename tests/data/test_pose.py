"""OpenPose's files and pose maps, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kzoo.data.pose import (
    COLORS,
    KEY_POINTS,
    LIMBS,
    draw_pose,
    faces_camera,
    main_person,
    missing_points,
    read_people,
    scaled_points,
)
from kzoo.errors import DataError, UsageError


def person(**points: tuple[float, float]) -> np.ndarray:
    found = np.zeros((18, 3), np.float32)
    for name, place in points.items():
        found[KEY_POINTS.index(name)] = (*place, 1)
    return found


def write(path: Path, *people: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"version": 1.3, "people": list(people)}))
    return path


def test_order_limbs_and_colours_are_openposes() -> None:
    pairs = [KEY_POINTS.index(end) for limb in LIMBS for end in limb]
    published = [1, 2, 1, 5, 2, 3, 3, 4, 5, 6, 6, 7, 1, 8, 8, 9, 9, 10, 1, 11, 11, 12, 12, 13, 1, 0]
    assert pairs == [*published, 0, 14, 14, 16, 0, 15, 15, 17]
    assert tuple(COLORS) == KEY_POINTS
    assert len(set(COLORS.values())) == 18


def test_several_people_with_missing_points(tmp_path: Path) -> None:
    one = [float(number) for number in range(54)]
    other = [0.0] * 54
    other[3:6] = [10, 20, 0.5]
    path = write(tmp_path / "a.json", {"pose_keypoints_2d": one}, {"pose_keypoints": other})
    people = read_people(path)
    assert people.dtype == np.float32
    assert people.shape == (2, 18, 3)
    assert people[0, 1].tolist() == [3, 4, 5]
    assert missing_points(people[1], ("nose", "neck", "left_ear")) == ("nose", "left_ear")
    np.testing.assert_array_equal(main_person(people), people[0])
    assert read_people(write(tmp_path / "none.json")).shape == (0, 18, 3)


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ([{"pose_keypoints_2d": [0.0] * 75}], "75 numbers; expected 54"),
        ([{"face": []}], "none of pose_keypoints_2d or pose_keypoints"),
        ([{"pose_keypoints_2d": [0.0] * 53 + [-1.0]}], "confidence below 0"),
        ([{"pose_keypoints_2d": [float("nan")] * 54}], "not finite"),
        ([{"pose_keypoints_2d": ["x"] * 54}], "could not convert"),
        ([3], "not iterable"),
    ],
)
def test_what_is_no_file_of_openpose(tmp_path: Path, people: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_people(write(tmp_path / "bad.json", *people))


def test_files_that_are_missing_or_broken(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.json"):
        read_people(tmp_path / "absent.json")
    (tmp_path / "cut.json").write_text('{"people": [')
    with pytest.raises(DataError, match="--model_pose COCO"):
        read_people(tmp_path / "cut.json")
    with pytest.raises(DataError, match="1 people without any"):
        main_person(np.zeros((1, 18, 3)))
    with pytest.raises(UsageError, match=r"\(18, 3\)"):
        draw_pose(np.zeros((18, 3)), (8, 8))
    with pytest.raises(UsageError, match=r"\(0, 8\)"):
        draw_pose(np.zeros((1, 18, 3)), (0, 8))


def test_a_limb_by_hand() -> None:
    drawn = draw_pose(person(neck=(24, 10), right_shoulder=(8, 10))[None], (48, 96))
    limb, joint = np.array(COLORS["right_shoulder"]), np.array(COLORS["neck"])
    np.testing.assert_array_equal(drawn[10, 12], limb)
    np.testing.assert_array_equal(drawn[[9, 11], [16, 16]], [limb, limb])
    assert not drawn[[8, 12], [16, 16]].any()
    np.testing.assert_array_equal(drawn[10, [23, 24, 25]], [joint] * 3)
    np.testing.assert_array_equal(drawn[10, 7], limb)
    assert not drawn[10, 5].any()
    assert not drawn[10, 27].any()


def test_limbs_without_an_end_and_people_without_points_are_not_drawn() -> None:
    only_neck = draw_pose(person(neck=(16, 16))[None], (32, 32))
    assert set(map(tuple, only_neck.reshape(-1, 3).tolist())) == {(0, 0, 0), COLORS["neck"]}
    assert not draw_pose(np.zeros((2, 18, 3)), (16, 16)).any()
    assert not draw_pose(np.zeros((0, 18, 3)), (16, 16)).any()


@given(st.integers(20, 44), st.integers(20, 44), st.sampled_from(KEY_POINTS))
def test_every_joint_is_where_it_was_found(x: int, y: int, name: str) -> None:
    drawn = draw_pose(person(**{name: (x, y)})[None], (64, 64))
    rows, columns = np.nonzero(drawn.any(axis=-1))
    assert (rows.mean(), columns.mean()) == pytest.approx((y, x))
    assert tuple(drawn[y, x]) == COLORS[name]


def test_scaled_points_keep_pixel_centres() -> None:
    corner = person(nose=(0, 0), neck=(255, 127))
    moved = scaled_points(corner, (128, 256), (64, 64))
    assert moved[0].tolist() == [-0.375, -0.25, 1]
    assert moved[1].tolist() == [63.375, 63.25, 1]


def test_front_views() -> None:
    front = {
        "nose": (50, 10),
        "right_eye": (48, 8),
        "neck": (50, 20),
        "right_shoulder": (40, 20),
        "left_shoulder": (60, 20),
        "right_hip": (44, 50),
        "left_hip": (56, 50),
    }
    assert faces_camera(person(**front))
    assert not faces_camera(person(**{**front, "right_shoulder": (70, 20)}))
    for name in ("nose", "right_eye", "left_hip"):
        assert not faces_camera(person(**{key: value for key, value in front.items() if key != name}))
