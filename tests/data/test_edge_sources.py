"""Sources of edges: built ones, their joined splits, and the borders of label maps."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from edge_fakes import BSDS, fake_bsds
from PIL import Image

from kzoo.data.builders.bsds500 import Bsds500
from kzoo.data.edge_sources import open_edges
from kzoo.errors import DataError, UnknownNameError


@pytest.fixture
def manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(Bsds500, "IMAGES", {split: len(names) for split, names in BSDS.items()})
    folder = tmp_path / "datasets" / "downloads" / "manual"
    folder.mkdir(parents=True)
    return folder


def test_bsds_is_built_once_and_trained_on_with_its_validation_images(manual: Path) -> None:
    with pytest.raises(DataError, match=r"nothing in .*manual; Download BSR_bsds500\.tgz"):
        open_edges("bsds500")
    with pytest.raises(DataError, match="build=True"):
        open_edges("bsds500", build=False)
    fake_bsds(manual)
    source = open_edges("bsds500")
    counts = {name: split.examples for name, split in source.splits.items()}
    assert counts == {"train": 2, "validation": 1, "test": 3, "trainval": 3}
    assert {one.name for one in source.examples("trainval").pictures} == {*BSDS["train"], *BSDS["val"]}
    test = source.examples("test")
    names = [one.name for one in test.pictures]
    assert test.ids[np.array([2, 0])] == [names[2], names[0]]
    (three,) = (one for one in test.pictures if one.name == "5096")
    assert (three.image.shape, three.annotations.shape) == ((48, 32, 3), (3, 48, 32))
    assert (test.max_distance, test.thick) == (0.0075, False)
    shutil.rmtree(manual)
    assert open_edges("bsds500", build=False).fingerprint == source.fingerprint
    with pytest.raises(UnknownNameError, match="val"):
        source.examples("val")


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_any_folder_of_label_maps_gives_edges_along_its_segments(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    labels = np.zeros((10, 12), np.uint8)
    labels[:, 6:] = 200
    write(folder / "train" / "images" / "a.png", np.zeros((10, 12, 3), np.uint8))
    write(folder / "train" / "labels" / "a.png", labels)
    write(folder / "train" / "images" / "b.png", np.zeros((10, 12, 3), np.uint8))
    with pytest.raises(DataError, match=r"b\.png has no label map .*b\.png"):
        open_edges(f"segments:{folder}")
    np.save(folder / "train" / "labels" / "b.npy", labels.astype(np.int32) + 1000)
    source = open_edges(f"segments:{folder}")
    assert {name: split.examples for name, split in source.splits.items()} == {"train": 2, "trainval": 2}
    for one in source.examples("train").pictures:
        assert set(np.nonzero(one.annotations[0])[1]) == {5}
    np.save(folder / "train" / "labels" / "b.npy", labels.T)
    changed = open_edges(f"segments:{folder}")
    assert changed.fingerprint != source.fingerprint
    with pytest.raises(DataError, match=r"label map of b is \(12, 10\); expected its image's \(10, 12\)"):
        list(changed.examples("train").pictures)
    np.save(folder / "train" / "labels" / "b.npy", labels / 2)
    with pytest.raises(DataError, match=r"b\.npy is float64"):
        list(open_edges(f"segments:{folder}").examples("train").pictures)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="bsds500"):
        open_edges("bsds50")
    with pytest.raises(DataError, match="there is no split of train, validation, test"):
        open_edges(f"segments:{tmp_path}")
