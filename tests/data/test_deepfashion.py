"""DeepFashion In-shop on a small fake of its true layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds
from on_fakes import OnFakes
from PIL import Image

from kzoo.data.builders.deepfashion_files import FrontViews, read_partition
from kzoo.data.builders.deepfashion_inshop import FOLDER, DeepfashionInshop
from kzoo.data.people import open_people
from kzoo.data.people_batches import BATCH_KEYS, swap_batches, swap_examples
from kzoo.data.pose import KEY_POINTS
from kzoo.errors import DataError

HEIGHT, WIDTH = 48, 32
FRONT = {
    "nose": (16, 6),
    "right_eye": (15, 5),
    "left_eye": (17, 5),
    "neck": (16, 10),
    "right_shoulder": (11, 11),
    "left_shoulder": (21, 11),
    "right_hip": (13, 24),
    "left_hip": (19, 24),
}
BACK = {**FRONT, "right_shoulder": (21, 11), "left_shoulder": (11, 11)}
HALF = {name: place for name, place in FRONT.items() if not name.endswith("hip")}

VIEWS: dict[str, tuple[str, dict[str, tuple[int, int]]]] = {
    "WOMEN/Dresses/id_00000001/01_1_front": ("train", FRONT),
    "WOMEN/Dresses/id_00000001/01_2_side": ("train", FRONT),
    "WOMEN/Dresses/id_00000001/01_4_full": ("train", FRONT),
    "WOMEN/Dresses/id_00000001/02_1_front": ("train", FRONT),
    "WOMEN/Dresses/id_00000001/02_7_additional": ("train", BACK),
    "MEN/Denim/id_00000002/01_1_front": ("train", FRONT),
    "MEN/Denim/id_00000002/01_4_full": ("train", HALF),
    "MEN/Denim/id_00000002/01_7_additional": ("train", FRONT),
    "MEN/Denim/id_00000003/01_1_front": ("query", FRONT),
    "MEN/Denim/id_00000003/01_4_full": ("gallery", FRONT),
    "WOMEN/Skirts/id_00000004/03_1_front": ("gallery", FRONT),
    "WOMEN/Skirts/id_00000004/03_3_back": ("gallery", BACK),
}


def write_pose(path: Path, *people: dict[str, tuple[int, int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    points = [[*one.get(name, (0, 0)), float(name in one)] for one in people for name in KEY_POINTS]
    rows = np.array(points).reshape(len(people), -1).tolist() if people else []
    path.write_text(json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": row} for row in rows]}))


def fake(manual: Path) -> Path:
    root = manual / FOLDER
    for number, (name, (_, points)) in enumerate(VIEWS.items()):
        random = np.random.default_rng(number)
        for kind in ("img", "parsing"):
            (root / kind / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        Image.fromarray(pixels).save(root / "img" / f"{name}.jpg")
        parts = np.zeros((HEIGHT, WIDTH), np.uint8)
        parts[4:9, 12:20], parts[9:25, 10:22] = 13, 5
        Image.fromarray(parts).save(root / "parsing" / f"{name}.png")
        passer_by = {"nose": (1, 1), "neck": (2, 2)}
        write_pose(root / "openpose" / f"{name}_keypoints.json", passer_by, points)
    write_list(root)
    return root


def write_list(root: Path) -> None:
    lines = [f"img/{name}.jpg {name.split('/')[2]} {status}" for name, (status, _) in VIEWS.items()]
    header = "image_name item_id evaluation_status"
    (root / "list_eval_partition.txt").write_text("\n".join([str(len(lines)), header, *lines, ""]))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeepfashionInshop, "TRAIN_PAIRS", 2)
    monkeypatch.setattr(DeepfashionInshop, "TEST_IMAGES", 3)


class DeepfashionTest(OnFakes, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = DeepfashionInshop
    SPLITS: ClassVar = {"train": 2, "test": 3}
    FAKE = staticmethod(fake)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    return fake(tmp_path / "datasets" / "downloads" / "manual")


def test_pairs_of_front_views_in_the_same_clothes(root: Path) -> None:
    source = open_people("deepfashion_inshop")
    assert {name: split.examples for name, split in source.splits.items()} == {"train": 2, "test": 3}
    train = source.pairs("train")
    assert train.same
    assert sorted(train.ids) == ["MEN/Denim/id_00000002/01", "WOMEN/Dresses/id_00000001/01"]
    assert train.image_size == (128, 128)
    nose = train.condition.key_points[0, 0]
    np.testing.assert_allclose(nose, [16.5 * 4 - 0.5, 6.5 * 128 / 48 - 0.5, 1], rtol=1e-6)
    assert set(np.unique(train.reference.parts)) == {0, 5, 13}
    inputs, _ = next(iter(swap_batches(train, batch_size=2, seed=0)))
    assert set(inputs) == set(BATCH_KEYS)
    head = inputs["reference_head"].numpy()[0, :, :, 0]
    assert head.sum() == pytest.approx(5 * 8 / (48 * 32) * 128 * 128, rel=0.1)


def test_test_pictures_meet_other_garments(root: Path) -> None:
    test = open_people("deepfashion_inshop").pairs("test")
    assert not test.same
    assert test.target is None
    assert len(set(test.ids)) == 3
    assert (test.condition.images != test.reference.images).any(axis=(1, 2, 3)).all()
    (batch,) = swap_examples(test, batch_size=4)
    assert set(batch) == set(BATCH_KEYS)


def test_other_files_make_another_fingerprint(root: Path, tmp_path: Path) -> None:
    first = open_people("deepfashion_inshop").fingerprint
    assert open_people("deepfashion_inshop", build=False).fingerprint == first
    shutil.rmtree(tmp_path / "datasets" / "deepfashion_inshop")
    with pytest.raises(DataError, match="deepfashion_inshop is not built"):
        open_people("deepfashion_inshop", build=False)
    name = next(iter(VIEWS))
    Image.new("L", (WIDTH, HEIGHT), 7).save(root / "parsing" / f"{name}.png")
    assert open_people("deepfashion_inshop").fingerprint != first


def test_who_is_left_out_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pose(root / "openpose" / "MEN/Denim/id_00000002/01_1_front_keypoints.json")
    monkeypatch.setattr(DeepfashionInshop, "TRAIN_PAIRS", 3)
    with pytest.raises(DataError, match="has 1 of 3 training pairs; left out: ") as raised:
        open_people("deepfashion_inshop")
    for reason in (
        "1 half seen, without right_hip, left_hip",
        "1 no person was found",
        "1 not seen from the front",
    ):
        assert reason in str(raised.value)


def test_a_half_seen_person_keeps_the_points_that_were_found(root: Path) -> None:
    listed = read_partition(root / "list_eval_partition.txt")[0]
    person = FrontViews(root).person(listed)
    assert person is not None
    assert person.key_points[KEY_POINTS.index("left_hip")].tolist() == [19, 24, 1]
    assert person.key_points[KEY_POINTS.index("left_ankle")].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("img/MEN/Denim/id_00000002/01_1_front.jpg", None, r"there is no picture .*01_1_front\.jpg"),
        ("img/MEN/Denim/id_00000002/01_1_front.jpg", b"\xff\xd8\xff", r"01_1_front\.jpg cannot be decoded"),
        ("parsing/MEN/Denim/id_00000002/01_1_front.png", None, r"there is no parsing .*01_1_front\.png"),
        ("openpose/MEN/Denim/id_00000002/01_1_front_keypoints.json", None, r"cannot read .*_keypoints\.json"),
        ("openpose/MEN/Denim/id_00000002/01_1_front_keypoints.json", b"{}", "not OpenPose's JSON file"),
        ("list_eval_partition.txt", None, r"cannot read .*list_eval_partition\.txt"),
        ("list_eval_partition.txt", b"", "is no list of pictures"),
        ("list_eval_partition.txt", b"2\nimage_name item_id evaluation_status\n", "'2', .* and 0 lines"),
        (
            "list_eval_partition.txt",
            b"1\nimage_name item_id evaluation_status\nimg/a.png id_1 train\n",
            r"has the line 'img/a\.png id_1 train'",
        ),
    ],
)
def test_files_that_are_missing_or_broken(root: Path, name: str, content: bytes | None, message: str) -> None:
    (root / name).unlink()
    if content is not None:
        (root / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_people("deepfashion_inshop")


def test_parsings_and_poses_of_another_size(root: Path) -> None:
    name = "MEN/Denim/id_00000003/01_1_front"
    Image.new("L", (WIDTH, HEIGHT + 1)).save(root / "parsing" / f"{name}.png")
    with pytest.raises(DataError, match=r"01_1_front\.png is 32x49 pixels, its picture 32x48"):
        open_people("deepfashion_inshop")
    write_pose(root / "openpose" / f"{name}_keypoints.json", {**FRONT, "left_hip": (90, 24)})
    with pytest.raises(DataError, match=r"32x48 pixels, has a point at \[90\.0, 24\.0\]"):
        open_people("deepfashion_inshop")


def test_folders_that_are_not_there(root: Path) -> None:
    shutil.rmtree(root / "parsing")
    with pytest.raises(DataError, match=r"there is no folder .*parsing; Ask for the In-shop"):
        open_people("deepfashion_inshop")
    shutil.rmtree(root)
    with pytest.raises(DataError, match=r"there is no folder .*deepfashion_inshop; Ask for the In-shop"):
        open_people("deepfashion_inshop")


def test_test_pictures_of_one_garment_cannot_be_paired(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeepfashionInshop, "TEST_IMAGES", 1)
    with pytest.raises(DataError, match="expected two garments or more"):
        open_people("deepfashion_inshop")
