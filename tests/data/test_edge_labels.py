"""Labels of edges, relaxed by Canny, by a structured forest and by soft maps, computed once into records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from structured_forest import write_forest

from kzoo.boundary_files import read_soft_map
from kzoo.data.edge_batches import edge_batches, label_records
from kzoo.data.edge_examples import EdgeExamples, EdgePicture, PictureList, content_key
from kzoo.data.edge_labels import Labelling, moved
from kzoo.data.structured_edges import StructuredEdges
from kzoo.errors import DataError, UnknownNameError, UsageError


def picture(name: str = "a", size: tuple[int, int] = (16, 16), annotators: int = 1) -> EdgePicture:
    random = np.random.default_rng(sum(name.encode()))
    edges = np.zeros((annotators, *size), bool)
    edges[:, 8, 3:9] = True
    return EdgePicture(name, random.integers(0, 256, (*size, 3), np.uint8), edges)


def examples(*pictures: EdgePicture) -> EdgeExamples:
    chosen = pictures or tuple(picture(name) for name in "abcde")
    return EdgeExamples(PictureList(chosen), 0.01, False, content_key(chosen))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_batches_begin_at_any_step_and_hold_dilated_edges() -> None:
    labelling = Labelling(relax="canny")
    whole = list(edge_batches(examples(), batch_size=2, seed=1, labelling=labelling).take(5))
    rest = list(edge_batches(examples(), batch_size=2, seed=1, labelling=labelling, first_step=3).take(2))
    for (x, y), (again_x, again_y) in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(x["image"], again_x["image"])
        np.testing.assert_array_equal(y["sides"], again_y["sides"])
    x, y = whole[0]
    assert (x["image"].dtype, y["sides"].shape, y["edges"].shape) == ("float32", (2, 5, 16, 16), (2, 16, 16))
    assert int(np.sum(y["edges"][0])) == 3 * 8
    images = {one.image.tobytes() for one in examples().pictures}
    assert {np.asarray(one, np.uint8).tobytes() for x, _ in whole for one in x["image"]} <= images


def test_labels_are_computed_once_and_anew_for_other_pictures_or_options(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    apply = Labelling.apply
    monkeypatch.setattr(Labelling, "apply", lambda self, one: calls.append(one.name) or apply(self, one))
    for _ in range(2):
        label_records(examples(), Labelling())
    assert calls == list("abcde")
    label_records(examples(), Labelling(dilation=2))
    label_records(examples(picture("f")), Labelling())
    assert calls == [*"abcde", *"abcde", "f"]
    assert len(list((cache / "datasets" / "edge_labels").glob("*/1.0.0"))) == 3


def test_three_annotators_must_agree_or_all_where_there_are_fewer() -> None:
    edges = np.zeros((5, 4, 4), bool)
    edges[:3, 0, 0] = edges[:2, 1, 1] = True
    five = EdgePicture("a", np.zeros((4, 4, 3), np.uint8), edges)
    assert np.argwhere(five.agreed()).tolist() == [[0, 0]]
    assert np.argwhere(five.agreed(2)).tolist() == [[0, 0], [1, 1]]
    two = EdgePicture("a", five.image, edges[:2])
    assert np.argwhere(two.agreed()).tolist() == [[0, 0], [1, 1]]
    _, labels = Labelling(dilation=0).apply(five)
    assert labels.shape == (6, 4, 4)
    assert all(np.argwhere(one).tolist() == [[0, 0]] for one in labels)


def test_pictures_and_edges_are_scaled_together() -> None:
    image, labels = Labelling(dilation=0, size=(8, 32)).apply(picture())
    assert (image.shape, labels.shape) == ((8, 32, 3), (6, 8, 32))
    assert set(np.nonzero(labels[0])[0]) == {4}
    assert np.nonzero(labels[0])[1].tolist() == [7, 9, 11, 13, 15, 17]
    line = np.zeros((10, 10), bool)
    line[5] = True
    assert moved(line, (3, 3)).sum() == 3
    with pytest.raises(DataError, match=r"b is \(16, 20\) pixels.*\(16, 16\); set pipeline\.image_size"):
        label_records(examples(picture("a"), picture("b", (16, 20))), Labelling())
    assert len(label_records(examples(picture("a"), picture("b", (16, 20))), Labelling(size=(9, 9)))) == 2


def test_a_structured_forest_relaxes_what_it_marks(tmp_path: Path) -> None:
    forest = tmp_path / "model.yml.gz"
    write_forest(forest)
    image = np.zeros((48, 64, 3), np.uint8)
    image[24:] = 255
    soft = StructuredEdges(forest)(image)
    assert (soft.shape, soft.dtype) == ((48, 64), np.float32)
    assert soft[24, 30] > 0 == soft[2, 30]
    truth = np.zeros((1, 48, 64), bool)
    truth[0, 24, 20:30] = True
    labelling = Labelling(relax="se", se_model=str(forest), dilation=0)
    _, labels = labelling.apply(EdgePicture("a", image, truth))
    assert set(np.unique(labels[0])) == {0, 1}
    assert (labels[1:, 24, 20:30] == 1).all()
    assert (labels[1:, 24, 35] == 2).all()
    assert (labels[1:, 2] == 0).all()
    assert len(labelling.fingerprint()) == 64


def test_what_is_no_forest_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"no file .*none\.yml.*model\.yml\.gz.*opencv_extra"):
        StructuredEdges(tmp_path / "none.yml")
    (tmp_path / "text.yml").write_text("no forest")
    with pytest.raises(DataError, match=r"text\.yml is no structured forest"):
        StructuredEdges(tmp_path / "text.yml")
    (tmp_path / "other.yml").write_text("%YAML:1.0\n---\nother: 1\n")
    with pytest.raises(DataError, match="it has no options, childs"):
        StructuredEdges(tmp_path / "other.yml")
    monkeypatch.delattr(cv2, "ximgproc")
    with pytest.raises(DataError, match="pip install opencv-contrib-python-headless"):
        StructuredEdges(tmp_path / "other.yml")


def test_soft_maps_of_a_folder_relax(tmp_path: Path) -> None:
    soft = np.zeros((16, 16))
    soft[8] = 0.5
    soft[12, 4:6] = 0.9
    Image.fromarray((soft * 255).astype(np.uint8)).save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", soft)
    assert read_soft_map(tmp_path, "b", (16, 16)).dtype == np.float32
    _, labels = Labelling(relax="soft", soft_maps=str(tmp_path), dilation=0).apply(picture())
    assert labels[5, 8].tolist() == [2, 2, 2, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2]
    assert labels[5, 12, 4] == 2
    Image.fromarray(np.full((16, 16), 65535, np.uint16)).save(tmp_path / "d.png")
    assert read_soft_map(tmp_path, "d", (16, 16)).max() == 1
    scaled = Labelling(relax="soft", soft_maps=str(tmp_path), size=(8, 8)).apply(picture())[1]
    assert scaled.shape == (6, 8, 8)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((16, 16), 1.5), "goes from 1.5 to 1.5; expected 0 to 1"),
        (np.full((16, 16), -0.1), "goes from -0.1"),
        (np.full((16, 16), np.nan), "goes from nan"),
        (np.zeros((16, 15)), r"is float64 \(16, 15\); expected floats of the image's \(16, 16\)"),
        (np.zeros((16, 16), int), "is int64"),
    ],
)
def test_a_soft_map_out_of_range_or_of_another_size_is_named(
    tmp_path: Path, values: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(DataError, match=rf"a\.npy {message}"):
        Labelling(relax="soft", soft_maps=str(tmp_path)).apply(picture())
    with pytest.raises(DataError, match="z has no soft edge map"):
        read_soft_map(tmp_path, "z", (16, 16))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"relax": "cany"}, UnknownNameError, "canny"),
        ({"relax": "se"}, UsageError, "loss_options.se_model=PATH"),
        ({"relax": "canny", "soft_maps": "x"}, UsageError, "received relax 'canny' and soft_maps 'x'"),
        ({"agreement": 0}, UsageError, "1 or more annotators"),
        ({"dilation": -1}, UsageError, "0 or more pixels"),
    ],
)
def test_options_that_do_not_fit_are_named(options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Labelling.of(options)


def test_files_that_are_not_there_and_edges_of_another_size_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*maps"):
        label_records(examples(), Labelling(relax="soft", soft_maps=str(tmp_path / "maps")))
    with pytest.raises(DataError, match=r"no file .*forest\.yml"):
        label_records(examples(), Labelling(relax="se", se_model=str(tmp_path / "forest.yml")))
    wrong = EdgePicture("w", np.zeros((4, 6, 3), np.uint8), np.zeros((1, 6, 4), bool))
    with pytest.raises(DataError, match=r"w is \(4, 6\), its edges are \(6, 4\); expected one size"):
        Labelling().apply(wrong)
