"""Persons as files: a picture, its pose and its parsing, as estimators write them and a swap takes them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np

from kzoo.data.people import PersonArrays, PersonSource
from kzoo.data.people_parts import HEAD_TABLE, read_parsing
from kzoo.data.pose import draw_pose, main_person, read_people
from kzoo.errors import DataError, UsageError
from kzoo.files import write_atomic

POSE_SUFFIX, PARTS_SUFFIX = "_keypoints.json", "_parts.png"


def pose_file(picture: Path) -> Path:
    """Return where the pose of a picture lies, if it lies beside it: OpenPose's NAME_keypoints.json."""
    return picture.with_name(picture.stem + POSE_SUFFIX)


def parts_file(picture: Path) -> Path:
    """Return where the parsing of a picture lies, if it lies beside it: NAME_parts.png."""
    return picture.with_name(picture.stem + PARTS_SUFFIX)


def swap_pictures(
    condition: Path, reference: Path, *, pose: Path | None = None, parts: Path | None = None
) -> dict[str, bytes]:
    """Return what an exported SwapGAN takes, each an encoded picture: its two persons, a pose and a head.

    Args:
        condition, reference: pictures; of the person whose clothes are taken, and who is to wear them.
        pose: the reference's key-points, OpenPose's JSON; NAME_keypoints.json beside it if left out.
        parts: the reference's parsing, a PNG of Look into Person's classes; NAME_parts.png if left out.

    Raises:
        DataError: if a file is missing or broken, nobody is seen in the pose, or the parsing is of another
            size than its picture.
    """
    encoded = [_read(picture) for picture in (condition, reference)]
    size = _size(reference, encoded[1])
    person = main_person(read_people(pose or pose_file(reference)))
    head = HEAD_TABLE[read_parsing(parts or parts_file(reference), size)][..., 0]
    return {
        "condition_bytes": encoded[0],
        "reference_bytes": encoded[1],
        "reference_pose_bytes": _png(draw_pose(person[None], size)),
        "reference_head_bytes": _png((head * 255).astype(np.uint8)),
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"the picture {path} cannot be read: {error.strerror}") from error


def _size(path: Path, encoded: bytes) -> tuple[int, int]:
    """Return (height, width)."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return image.height, image.width
    except OSError as error:
        raise DataError(f"{path} is no picture that can be decoded: {error}") from error


def save_people(source: PersonSource, split: str, folder: Path, *, count: int) -> list[Path]:
    """Write pairs of a split, evenly spread over it, and return the pictures' paths.

    A pair is ID-condition.png and ID-reference.png, each with NAME_keypoints.json and NAME_parts.png, and
    ID-true.png where the true swap is known.

    Args:
        count: pairs, all of them if there are fewer.

    Raises:
        UsageError: if `count` is below 1.
        UnknownNameError: if the source has no such split.
    """
    if count < 1:
        raise UsageError(f"count must be 1 or more; received {count}")
    pairs = source.pairs(split)
    paths = []
    for row in range(0, len(pairs), max(1, len(pairs) // count))[:count]:
        stem = re.sub(r"[^\w.-]+", "-", str(pairs.ids[row])).strip("-.")
        for side, people in (("condition", pairs.condition), ("reference", pairs.reference)):
            paths.append(_save_person(people, row, folder / f"{stem}-{side}.png"))
        if pairs.target is not None:
            paths.append(folder / f"{stem}-true.png")
            write_atomic(paths[-1], _png(pairs.target[row]))
    return paths


def _save_person(people: PersonArrays, row: int, path: Path) -> Path:
    points = [round(float(number), 3) for number in people.key_points[row].ravel()]
    pose = {"version": 1.2, "people": [{"pose_keypoints_2d": points}]}
    write_atomic(pose_file(path), json.dumps(pose) + "\n")
    write_atomic(parts_file(path), _png(people.parts[row]))
    write_atomic(path, _png(people.images[row]))
    return path


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
