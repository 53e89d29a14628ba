from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kzoo.data.people import PersonSource, open_people
from kzoo.data.people_files import parts_file, pose_file, save_people, swap_pictures
from kzoo.data.people_parts import HEAD_TABLE, read_parsing
from kzoo.data.pose import draw_pose, read_people
from kzoo.errors import DataError, UnknownNameError, UsageError


@pytest.fixture(scope="module")
def few() -> PersonSource:
    return open_people("house/people:few")


@pytest.fixture(scope="module")
def saved(few: PersonSource, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return save_people(few, "test", tmp_path_factory.mktemp("persons"), count=2)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_pairs_are_saved_with_pose_and_parsing(few: PersonSource, saved: list[Path]) -> None:
    pairs = few.pairs("test")
    assert [path.name.rpartition("-")[2] for path in saved] == [
        "condition.png",
        "reference.png",
        "true.png",
    ] * 2
    condition, reference, true = saved[:3]
    assert pairs.target is not None
    np.testing.assert_array_equal(np.asarray(Image.open(true)), pairs.target[0])
    for path, people in ((condition, pairs.condition), (reference, pairs.reference)):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), people.images[0])
        np.testing.assert_array_equal(read_parsing(parts_file(path), (128, 128)), people.parts[0])
        np.testing.assert_allclose(read_people(pose_file(path))[0], people.key_points[0], atol=1e-3)


def test_what_a_swap_takes(few: PersonSource, saved: list[Path]) -> None:
    condition, reference = saved[:2]
    found = swap_pictures(condition, reference)
    pairs = few.pairs("test").reference
    assert found["condition_bytes"] == condition.read_bytes()
    assert found["reference_bytes"] == reference.read_bytes()
    pose = draw_pose(read_people(pose_file(reference)), (128, 128))
    np.testing.assert_array_equal(pixels(found["reference_pose_bytes"]), pose)
    np.testing.assert_array_equal(
        pixels(found["reference_head_bytes"]), HEAD_TABLE[pairs.parts[0]][..., 0] * 255
    )
    other = swap_pictures(condition, reference, pose=pose_file(condition), parts=parts_file(condition))
    assert other["reference_pose_bytes"] != found["reference_pose_bytes"]


def test_bad_files_are_named(saved: list[Path], tmp_path: Path) -> None:
    condition, reference = saved[:2]
    with pytest.raises(DataError, match=r"absent\.png cannot be read: No such file"):
        swap_pictures(tmp_path / "absent.png", reference)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.png is no picture"):
        swap_pictures(condition, broken)
    with pytest.raises(DataError, match=r"alone_keypoints\.json"):
        swap_pictures(condition, Path(reference.rename(tmp_path / "alone.png")))
    (tmp_path / "alone.png").rename(reference)
    nobody = tmp_path / "nobody.json"
    nobody.write_text('{"people": []}')
    with pytest.raises(DataError, match="0 people without any"):
        swap_pictures(condition, reference, pose=nobody)
    small = tmp_path / "small.png"
    Image.new("L", (64, 64)).save(small)
    with pytest.raises(DataError, match="64x64 pixels, its picture 128x128"):
        swap_pictures(condition, reference, parts=small)


def test_what_cannot_be_saved(few: PersonSource, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="count must be 1 or more; received 0"):
        save_people(few, "test", tmp_path, count=0)
    with pytest.raises(UnknownNameError, match="split"):
        save_people(few, "tset", tmp_path, count=1)
