"""Small folders in the true layouts of BSDS500, NYU Depth v2 and PASCAL Context."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from PIL import Image
from scipy.io import savemat

from kzoo.data.segment_edges import segment_edges

BSDS = {"train": ("100075", "12003"), "val": ("101085",), "test": ("2018", "3063", "5096")}
CONTEXT = ("2008_000002", "2008_000003", "2008_000007")


def write_jpeg(path: Path, size: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(path)


def write_annotators(path: Path, segments: list[np.ndarray]) -> None:
    """A .mat file as those of BSDS500: a cell an annotator, with Segmentation and Boundaries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = np.empty((1, len(segments)), object)
    for number, one in enumerate(segments):
        edges = segment_edges(one).astype(np.uint8)
        cell[0, number] = {"Segmentation": one.astype(np.uint16), "Boundaries": edges}
    savemat(path, {"groundTruth": cell}, do_compression=True)


def halves(size: tuple[int, int], column: int) -> np.ndarray:
    return np.tile(np.arange(size[1]) >= column, (size[0], 1)).astype(np.uint16) + 1


def fake_bsds(folder: Path) -> None:
    data = folder / "BSR" / "BSDS500" / "data"
    for split, names in BSDS.items():
        for number, name in enumerate(names):
            size = (32, 48) if number % 2 else (48, 32)
            write_jpeg(data / "images" / split / f"{name}.jpg", size)
            annotators = [halves(size, 10 + one) for one in range(number + 1)]
            write_annotators(data / "groundTruth" / split / f"{name}.mat", annotators)
        (data / "images" / split / "Thumbs.db").write_bytes(b"as in the archive")


def fake_nyud(folder: Path) -> None:
    labels = np.zeros((5, 48, 64), np.uint16)
    labels[:, :, :31], labels[:, :, 33:] = 4, 4  # an unlabelled strip between two chairs
    instances = np.zeros((5, 48, 64), np.uint8)
    instances[:, :, :31], instances[:, :, 33:] = 1, 2
    images = np.zeros((5, 48, 64, 3), np.uint8)
    images[..., 0] = np.arange(5)[:, None, None] * 20
    with h5py.File(folder / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = images.transpose(0, 3, 2, 1)
        file["labels"] = labels.transpose(0, 2, 1)
        file["instances"] = instances.transpose(0, 2, 1)
    savemat(folder / "splits.mat", {"trainNdxs": [[3], [4], [5]], "testNdxs": [[1], [2]]})


def fake_context(folder: Path) -> None:
    voc = folder / "VOCdevkit" / "VOC2010"
    (folder / "trainval").mkdir()
    for name in CONTEXT:
        write_jpeg(voc / "JPEGImages" / f"{name}.jpg", (30, 40))
        savemat(folder / "trainval" / f"{name}.mat", {"LabelMap": halves((30, 40), 20) + 400})
    (voc / "ImageSets" / "Main").mkdir(parents=True)
    (voc / "ImageSets" / "Main" / "val.txt").write_text("2008_000003\n2008_000009\n")
