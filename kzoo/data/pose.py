"""Poses: OpenPose's files of 18 key-points, and the picture of coloured limbs that networks take.

Points are (x, y, confidence) in pixels, the centre of the top left pixel at (0, 0); confidence 0 says that a
point was not found. "Left" and "right" are the person's own. Names, order, limbs and colours are those of
OpenPose's COCO model (Cao et al. 2017).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.errors import DataError, UsageError

KEY_POINTS = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)
LIMBS = (
    ("neck", "right_shoulder"),
    ("neck", "left_shoulder"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("neck", "right_hip"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("neck", "left_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("neck", "nose"),
    ("nose", "right_eye"),
    ("right_eye", "right_ear"),
    ("nose", "left_eye"),
    ("left_eye", "left_ear"),
)
COLORS = {
    "nose": (255, 0, 85),
    "neck": (255, 0, 0),
    "right_shoulder": (255, 85, 0),
    "right_elbow": (255, 170, 0),
    "right_wrist": (255, 255, 0),
    "left_shoulder": (170, 255, 0),
    "left_elbow": (85, 255, 0),
    "left_wrist": (0, 255, 0),
    "right_hip": (0, 255, 85),
    "right_knee": (0, 255, 170),
    "right_ankle": (0, 255, 255),
    "left_hip": (0, 170, 255),
    "left_knee": (0, 85, 255),
    "left_ankle": (0, 0, 255),
    "right_eye": (255, 0, 170),
    "left_eye": (170, 0, 255),
    "right_ear": (255, 0, 255),
    "left_ear": (85, 0, 255),
}
"""Of a joint, and of the limb whose second end it is."""

LIMB_WIDTH, JOINT_RADIUS = 1 / 48, 1 / 64
"""Of the longer side of the picture."""

FRONT_POINTS = ("nose", "neck", "right_shoulder", "left_shoulder", "right_hip", "left_hip")
"""Without which nobody can tell that a person is seen from the front; an eye must be there as well."""

_INDEX = {name: index for index, name in enumerate(KEY_POINTS)}
_FIELDS = ("pose_keypoints_2d", "pose_keypoints")


def read_people(path: Path) -> np.ndarray:
    """Read what OpenPose's `--model_pose COCO --write_json` wrote of one picture.

    Returns:
        float32 (people, 18, 3); no people make it (0, 18, 3).

    Raises:
        DataError: if the file is missing or no such file: other numbers of points, values that are no finite
            numbers, a confidence below 0; the message names the person and what was received.
    """
    try:
        people = json.loads(path.read_text("utf-8"))["people"]
        found = [_points_of(person) for person in people]
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; expected OpenPose's JSON file") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not OpenPose's JSON file of 18 key-points a person "
            f"(--model_pose COCO --write_json): {error!r}"
        ) from error
    return np.array(found, np.float32).reshape(-1, len(KEY_POINTS), 3)


def main_person(people: np.ndarray) -> np.ndarray:
    """Return the one of (people, 18, 3) whose points span the largest box; of equal ones the first.

    Raises:
        UsageError: if `people` has another shape.
        DataError: if there is no person with a point.
    """
    _check(people)
    spans = [
        np.ptp(one[one[:, 2] > 0, :2], axis=0).sum() if (one[:, 2] > 0).any() else -1.0 for one in people
    ]
    if max(spans, default=-1.0) < 0:
        raise DataError(f"expected a person with key-points; received {len(people)} people without any")
    return people[int(np.argmax(spans))]


def missing_points(person: np.ndarray, wanted: Iterable[str] = KEY_POINTS) -> tuple[str, ...]:
    """Return the names of the `wanted` points that a person (18, 3) lacks, in their order."""
    return tuple(name for name in wanted if person[_INDEX[name], 2] <= 0)


def faces_camera(person: np.ndarray) -> bool:
    """Tell whether a person (18, 3) is seen from the front.

    That is: FRONT_POINTS and an eye are found, and the right shoulder and hip are in the picture left of the
    left ones.
    """
    eyes = len(missing_points(person, ("right_eye", "left_eye")))
    if missing_points(person, FRONT_POINTS) or eyes == 2:
        return False
    x = {name: person[_INDEX[name], 0] for name in FRONT_POINTS}
    return bool(x["right_shoulder"] < x["left_shoulder"] and x["right_hip"] < x["left_hip"])


def scaled_points(points: np.ndarray, size: tuple[int, int], new_size: tuple[int, int]) -> np.ndarray:
    """Move points (..., 3) of a picture of `size` (height, width) to where they are once it is resized."""
    factor = np.array([new_size[1] / size[1], new_size[0] / size[0]])
    moved = np.array(points, np.float32)
    moved[..., :2] = (moved[..., :2] + 0.5) * factor - 0.5
    return moved


def draw_pose(people: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Draw people as coloured limbs with joints over them, on black.

    A limb is drawn where both its ends were found, a joint where it was. A pixel is coloured if its centre is
    no further from the limb's line than half a limb's width, or from the joint than its radius. Later
    limbs lie over earlier ones, later people over earlier ones.

    Args:
        people: (people, 18, 3), as of `read_people`.
        size: (height, width).

    Returns:
        uint8 (height, width, 3).

    Raises:
        UsageError: for arrays of another shape, or a size below 1.
    """
    _check(people)
    if min(size) < 1:
        raise UsageError(f"a pose map of {size} pixels cannot be drawn; expected (height, width) from 1 on")
    picture = np.zeros((*size, 3), np.uint8)
    longer = max(size)
    for person in people.astype(np.float64):
        strokes = [(start, end, LIMB_WIDTH * longer / 2) for start, end in LIMBS]
        strokes += [(name, name, JOINT_RADIUS * longer) for name in KEY_POINTS]
        for start, end, reach in strokes:
            if not missing_points(person, (start, end)):
                _stroke(picture, person[_INDEX[start], :2], person[_INDEX[end], :2], reach, COLORS[end])
    return picture


def _stroke(
    picture: np.ndarray, start: np.ndarray, end: np.ndarray, reach: float, color: tuple[int, int, int]
) -> None:
    """Colour the pixels of a picture (H, W, 3) whose centres are at most `reach` from a segment, in place."""
    last = np.array(picture.shape[1::-1])
    left, top = np.clip(np.floor(np.minimum(start, end) - reach), 0, last).astype(int)
    right, bottom = np.clip(np.ceil(np.maximum(start, end) + reach) + 1, 0, last).astype(int)
    rows, columns = np.mgrid[top:bottom, left:right]
    pixels = np.stack([columns, rows], axis=-1).astype(np.float64)
    along = end - start
    length = float(along @ along)
    share = np.clip((pixels - start) @ along / length, 0, 1) if length else np.zeros(rows.shape)
    distance = np.linalg.norm(pixels - start - share[..., None] * along, axis=-1)
    picture[top:bottom, left:right][distance <= reach] = color


def _points_of(person: dict[str, Any]) -> list[list[float]]:
    field = next((name for name in _FIELDS if name in person), None)
    if field is None:
        raise ValueError(f"a person has none of {' or '.join(_FIELDS)}")
    numbers = [float(number) for number in person[field]]
    if len(numbers) != 3 * len(KEY_POINTS):
        raise ValueError(
            f"a person has {len(numbers)} numbers; expected {3 * len(KEY_POINTS)}: 18 times x, y, confidence"
        )
    if not np.isfinite(numbers).all() or min(numbers[2::3]) < 0:
        raise ValueError("a person has points that are not finite or of a confidence below 0")
    return [numbers[start : start + 3] for start in range(0, len(numbers), 3)]


def _check(people: np.ndarray) -> None:
    if people.ndim != 3 or people.shape[1:] != (len(KEY_POINTS), 3):
        raise UsageError(f"expected people as an array (people, 18, 3); received {people.shape}")
