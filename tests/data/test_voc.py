"""VOC 2012 and SBD from small folders of the true layout; and the errors where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.io import savemat

from kzoo import registry
from kzoo.data.builders.voc2012 import CLASSES, sbd_labels, voc_labels
from kzoo.data.edge_sources import open_edges
from kzoo.data.segment_batches import IGNORED, SegmentRecords, segment_batches
from kzoo.data.voc import open_voc
from kzoo.errors import DataError
from kzoo.evaluation.evaluate import evaluate_run
from kzoo.training.strategy import make_strategy
from kzoo.training.train import Training, train

OWN_TRAIN = ("2007_000032", "2007_000039")
OWN_VALIDATION = ("2007_000033", "2007_000042", "2007_000061")
ADDED = ("2007_000032", "2007_000042", "2008_000002")  # of VOC's train, of its val, and a new one


def label_map(name: str, of_sbd: bool = False) -> np.ndarray:
    random = np.random.default_rng(int(name[-3:]))
    labels = random.integers(0, 10 if of_sbd else 20, (37, 50), np.uint8)
    if not of_sbd:
        labels[5] = IGNORED
    return labels


def write_mat(path: Path, labels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"GTcls": {"Segmentation": labels, "CategoriesPresent": np.unique(labels)}})


def write_png(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels, "P")
    image.putpalette(np.arange(768, dtype=np.uint8).tobytes())
    image.save(path)


@pytest.fixture
def manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    folder = tmp_path / "datasets" / "downloads" / "manual"
    voc, sbd = folder / "VOCdevkit" / "VOC2012", folder / "benchmark_RELEASE" / "dataset"
    for place in (voc / "JPEGImages", sbd / "img", voc / "ImageSets" / "Segmentation"):
        place.mkdir(parents=True)
    for name in (*OWN_TRAIN, *OWN_VALIDATION, *ADDED):
        picture = (voc / "JPEGImages" if name in OWN_TRAIN + OWN_VALIDATION else sbd / "img") / f"{name}.jpg"
        Image.fromarray(np.full((37, 50, 3), int(name[-3:]), np.uint8)).save(picture, quality=95)
    for name in (*OWN_TRAIN, *OWN_VALIDATION):
        write_png(voc / "SegmentationClass" / f"{name}.png", label_map(name))
    for name in ADDED:
        write_mat(sbd / "cls" / f"{name}.mat", label_map(name, of_sbd=True))
    (voc / "ImageSets" / "Segmentation" / "train.txt").write_text("\n".join(OWN_TRAIN) + "\n")
    (voc / "ImageSets" / "Segmentation" / "val.txt").write_text("\n".join(OWN_VALIDATION) + "\n")
    (sbd / "train.txt").write_text("\n".join(ADDED) + "\n")
    return folder


def test_sets_are_merged_and_validation_has_nothing_of_training(manual: Path) -> None:
    source = open_voc()
    assert len(source.classes) == len(CLASSES) == 21
    assert {name: split.examples for name, split in source.splits.items()} == {"train": 4, "validation": 2}
    found = {name: source.examples(name) for name in source.splits}
    names = {name: set(one.ids[np.arange(len(one))]) for name, one in found.items()}
    assert names == {"train": {*OWN_TRAIN, *ADDED}, "validation": {"2007_000033", "2007_000061"}}

    for name, examples in found.items():
        ids = examples.ids[np.arange(len(examples))]
        ((images, labels),) = examples.parts(8)
        assert (images.shape, labels.shape) == ((len(ids), 512, 512, 3), (len(ids), 512, 512))
        for one, image, label in zip(ids, images, labels, strict=True):
            own = one in OWN_TRAIN + OWN_VALIDATION
            np.testing.assert_array_equal(label[:37, :50], label_map(one, of_sbd=not own), name)
            assert np.all(label[37:] == IGNORED)
            assert np.all(label[:, 50:] == IGNORED)
            assert abs(float(image[:37, :50].mean()) - int(one[-3:])) < 1
            assert not image[37:].any()

    edges = open_edges("segments:voc2012").examples("validation").pictures
    assert {one.name for one in edges} == names["validation"]
    assert all(one.annotations.shape == (1, 37, 50) and one.annotations.any() for one in edges)

    x, y = next(iter(segment_batches(found["train"], batch_size=2, seed=0)))
    assert (x["image"].shape, y["labels"].shape) == ((2, 512, 512, 3), (2, 512, 512))
    assert open_voc(build=False).fingerprint == source.fingerprint


def test_what_is_missing_is_named(manual: Path) -> None:
    with pytest.raises(DataError, match="build=True"):
        open_voc(build=False)
    picture = manual / "VOCdevkit" / "VOC2012" / "JPEGImages" / "2007_000061.jpg"
    Image.fromarray(np.zeros((30, 50, 3), np.uint8)).save(picture)
    with pytest.raises(DataError, match=r"061\.jpg is \(37, 50\); expected the image's \(30, 50\)"):
        open_voc()
    (manual / "benchmark_RELEASE" / "dataset" / "train.txt").unlink()
    with pytest.raises(DataError, match=r"train\.txt cannot be read"):
        open_voc()
    (manual / "VOCdevkit").rename(manual / "elsewhere")
    with pytest.raises(DataError, match=r"VOCtrainval_11-May-2012\.tar"):
        open_voc()


def test_label_maps_with_other_labels_are_named(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.full((3, 4), 21, np.uint8))
    with pytest.raises(DataError, match=r"a\.png has label 21; expected a map of 0 to 20 and 255"):
        voc_labels(tmp_path / "a.png")
    Image.fromarray(np.zeros((3, 4, 3), np.uint8)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match="mode RGB; expected a palette"):
        voc_labels(tmp_path / "b.png")
    savemat(tmp_path / "c.mat", {"other": 1})
    with pytest.raises(DataError, match=r"c\.mat has no label map"):
        sbd_labels(tmp_path / "c.mat")
    with pytest.raises(DataError, match=r"d\.mat has no label map"):
        sbd_labels(tmp_path / "d.mat")


def test_records_whose_sizes_differ_are_named() -> None:
    image = tf.io.encode_jpeg(np.zeros((40, 30, 3), np.uint8)).numpy()

    class Records(list):
        def __getitems__(self, rows: list[int]) -> list[dict[str, Any]]:
            return [self[row] for row in rows]

    def read(height: int, size: tuple[int, int]) -> None:
        labels = tf.io.encode_png(np.zeros((height, 30, 1), np.uint8)).numpy()
        records = Records([{"image": image, "labels": labels, "name": "a"}])
        list(SegmentRecords(records, CLASSES, size).parts(1))

    read(40, (64, 64))
    with pytest.raises(tf.errors.InvalidArgumentError, match="another size than its image"):
        read(39, (64, 64))
    with pytest.raises(tf.errors.InvalidArgumentError, match="larger than"):
        read(40, (32, 64))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fcn8s", "fcfn_seg"])
def test_the_published_recipe_trains_on_it(name: str, manual: Path, tmp_path: Path) -> None:
    system = registry.find(name)
    small = ["options.blocks=[[1,4],[1,4],[1,4],[1,4],[1,4]]", "options.top_units=8", "options.top_kernel=1"]
    recipe = system.recipe("published").override(["steps=2", "options.weights=null", *small])
    source = open_voc()
    run = train(
        Training(
            system=system,
            recipe_name="published",
            recipe=recipe,
            source=source,
            out=tmp_path / "run",
            strategy=make_strategy(),
            quiet=True,
        )
    )
    found = evaluate_run(run, source, recipe.data.test_split)
    assert found.examples == 2
    assert 0 <= found.metrics["mean_iou_percent"] <= 100
