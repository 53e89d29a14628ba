"""BSDS500, NYU Depth v2 and PASCAL Context on small fakes of their true layouts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
import tensorflow_datasets as tfds
from edge_fakes import BSDS, CONTEXT, fake_bsds, fake_context, fake_nyud, halves, write_annotators
from on_fakes import OnFakes
from scipy.io import savemat

from kzoo.boundary_files import read_boundaries
from kzoo.data.builders.bsds500 import Bsds500
from kzoo.data.builders.nyud_v2 import NyudV2
from kzoo.data.builders.pascal_context import PascalContext
from kzoo.data.segment_edges import segment_edges
from kzoo.errors import DataError


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bsds500, "IMAGES", {split: len(names) for split, names in BSDS.items()})
    monkeypatch.setattr(PascalContext, "IMAGES", len(CONTEXT))


class BsdsTest(OnFakes, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Bsds500
    SPLITS: ClassVar = {"train": 2, "validation": 1, "test": 3}
    FAKE = staticmethod(fake_bsds)


class NyudTest(OnFakes, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = NyudV2
    SPLITS: ClassVar = {"train": 3, "test": 2}
    FAKE = staticmethod(fake_nyud)


class ContextTest(OnFakes, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = PascalContext
    SPLITS: ClassVar = {"train": 2, "validation": 1}
    FAKE = staticmethod(fake_context)


def prepared(builder_class: type, manual: Path, place: Path) -> dict[str, dict[str, Any]]:
    builder = builder_class(data_dir=place)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(manual)))
    splits = builder.info.splits
    found = [one for split in splits for one in tfds.as_numpy(builder.as_dataset(split=split))]
    return {one["name"].decode(): one for one in found}


def manual_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / "other.tar").touch()
    return folder


def test_annotators_of_bsds_lie_below_each_other(tmp_path: Path) -> None:
    manual = manual_folder(tmp_path)
    fake_bsds(manual)
    found = prepared(Bsds500, manual, tmp_path)
    assert set(found) == {name for names in BSDS.values() for name in names}
    example = found["5096"]
    assert (example["image"].shape, example["boundaries"].shape) == ((48, 32, 3), (3 * 48, 32, 1))
    maps = example["boundaries"].reshape(3, 48, 32)
    assert [sorted(set(np.nonzero(one)[1])) for one in maps] == [[9], [10], [11]]


def test_edges_of_nyud_lie_between_objects_and_not_round_what_is_unlabelled(tmp_path: Path) -> None:
    manual = manual_folder(tmp_path)
    fake_nyud(manual)
    found = prepared(NyudV2, manual, tmp_path)
    assert set(found) == {"0001", "0002", "0003", "0004", "0005"}
    assert found["0005"]["image"].shape == (48, 64, 3)
    assert int(found["0005"]["image"][0, 0, 0]) == 80
    edges = found["0001"]["boundaries"][..., 0]
    assert sorted(set(np.nonzero(edges)[1])) == [31]
    assert edges.sum() == 48


def test_edges_of_context_are_those_of_its_segments(tmp_path: Path) -> None:
    manual = manual_folder(tmp_path)
    fake_context(manual)
    edges = prepared(PascalContext, manual, tmp_path)["2008_000007"]["boundaries"][..., 0]
    assert edges.shape == (30, 40)
    assert set(np.nonzero(edges)[1]) == {19}


def test_edges_of_segments_by_hand() -> None:
    labels = np.array([[1, 1, 2], [1, 1, 2], [3, 3, 2]])
    assert segment_edges(labels).astype(int).tolist() == [[0, 1, 0], [1, 1, 0], [0, 1, 0]]
    wide = np.array([[1, 255, 255, 255, 2]])
    assert segment_edges(wide, ignored=255).sum() == 1
    with pytest.raises(DataError, match=r"received float64 \(3, 3\)"):
        segment_edges(labels / 2)
    with pytest.raises(DataError, match="nothing but ignored"):
        segment_edges(np.full((2, 2), 255), ignored=255)


def test_files_without_boundaries_and_of_other_sizes(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"other": 1})
    with pytest.raises(DataError, match=r"a\.mat has no boundaries; expected groundTruth"):
        read_boundaries(tmp_path / "a.mat")
    cell = np.empty((1, 1), object)
    cell[0, 0] = {"Segmentation": np.ones((4, 5), np.uint16)}
    savemat(tmp_path / "b.mat", {"groundTruth": cell})
    with pytest.raises(DataError, match=r"b\.mat has no boundaries"):
        read_boundaries(tmp_path / "b.mat")
    write_annotators(tmp_path / "c.mat", [halves((4, 6), 3), halves((4, 6), 2)])
    assert read_boundaries(tmp_path / "c.mat", (4, 6)).shape == (2, 4, 6)
    with pytest.raises(DataError, match=r"c\.mat: boundaries 1 are \(4, 6\); expected the image's \(6, 4\)"):
        read_boundaries(tmp_path / "c.mat", (6, 4))
    cell[0, 0] = {"Boundaries": np.full((4, 5), 255, np.uint8)}
    savemat(tmp_path / "d.mat", {"groundTruth": cell})
    with pytest.raises(DataError, match="go up to 255; expected 0 and 1"):
        read_boundaries(tmp_path / "d.mat")
    (tmp_path / "e.mat").write_bytes((tmp_path / "c.mat").read_bytes()[:200])
    for broken in ("e.mat", "none.mat"):
        with pytest.raises(DataError, match=rf"{broken} cannot be read as a \.mat file"):
            read_boundaries(tmp_path / broken)


def test_bsds_with_a_map_of_another_size_or_without_files(tmp_path: Path) -> None:
    manual = manual_folder(tmp_path)
    with pytest.raises(DataError, match=r"there is no folder .*images/train; Download BSR_bsds500\.tgz"):
        prepared(Bsds500, manual, tmp_path / "a")
    fake_bsds(manual)
    data = manual / "BSR" / "BSDS500" / "data"
    write_annotators(data / "groundTruth" / "val" / "101085.mat", [halves((10, 10), 5)])
    with pytest.raises(DataError, match=r"101085\.mat: boundaries 1 are \(10, 10\)"):
        prepared(Bsds500, manual, tmp_path / "b")
    (data / "images" / "test" / "2018.jpg").unlink()
    with pytest.raises(DataError, match="has 2 of 3 images"):
        prepared(Bsds500, manual, tmp_path / "c")


def test_nyud_with_other_files(tmp_path: Path) -> None:
    manual = manual_folder(tmp_path)
    with pytest.raises(DataError, match=r"there is no file .*nyu_depth_v2_labeled\.mat; Download"):
        prepared(NyudV2, manual, tmp_path / "a")
    fake_nyud(manual)
    savemat(manual / "splits.mat", {"trainNdxs": [[9]], "testNdxs": [[1]]})
    with pytest.raises(DataError, match="has 5 images; its split asks for number 9"):
        prepared(NyudV2, manual, tmp_path / "b")
    savemat(manual / "splits.mat", {"trainNdxs": [[1]]})
    with pytest.raises(DataError, match="expected trainNdxs and testNdxs"):
        prepared(NyudV2, manual, tmp_path / "c")
    fake_nyud(manual)
    with h5py.File(manual / "nyu_depth_v2_labeled.mat", "a") as file:
        del file["labels"]
    with pytest.raises(DataError, match="has no 'labels'"):
        prepared(NyudV2, manual, tmp_path / "d")
    (manual / "nyu_depth_v2_labeled.mat").write_bytes(b"MATLAB 7.3")
    with pytest.raises(DataError, match="cannot be read"):
        prepared(NyudV2, manual, tmp_path / "e")


def test_context_with_other_files(tmp_path: Path) -> None:
    manual = manual_folder(tmp_path)
    fake_context(manual)
    savemat(manual / "trainval" / "2008_000002.mat", {"LabelMap": np.zeros((40, 30), np.uint16)})
    with pytest.raises(DataError, match=r"has LabelMap uint16 \(40, 30\); expected .*\(30, 40\)"):
        prepared(PascalContext, manual, tmp_path / "a")
    (manual / "VOCdevkit" / "VOC2010" / "ImageSets" / "Main" / "val.txt").unlink()
    with pytest.raises(DataError, match=r"val\.txt cannot be read"):
        prepared(PascalContext, manual, tmp_path / "b")
    shutil.rmtree(manual / "trainval")
    with pytest.raises(DataError, match=r"there is no folder .*trainval; Download trainval\.tar\.gz"):
        prepared(PascalContext, manual, tmp_path / "c")
