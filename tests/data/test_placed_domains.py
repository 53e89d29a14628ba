"""CMP Facade, Cityscapes and SBIR from small folders of the true layouts; and what is wrong with others."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kzoo import registry
from kzoo.data.builders.cmp_facade import CLASSES, CmpFacade
from kzoo.data.cityscapes import LABELS, class_of_label
from kzoo.data.domains import labels_from_colors, open_domains
from kzoo.data.label_sets import open_label_set
from kzoo.errors import DataError, UnknownNameError
from kzoo.training.tasks import find_task

FACADES = [f"base/cmp_b000{number}" for number in (1, 2, 3)] + ["extended/cmp_x0001", "extended/cmp_x0002"]
STREETS = {"train/aachen": 2, "val/munster": 1, "test/berlin": 1}


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def write_facade(root: Path, name: str, labels: np.ndarray, size: tuple[int, int] = (40, 30)) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(*size, 3, seed=len(name))).save(root / f"{name}.jpg")
    drawn = Image.fromarray(labels, "P")
    drawn.putpalette(np.arange(768, dtype=np.uint8).tobytes())
    drawn.save(root / f"{name}.png")
    (root / f"{name}.xml").write_text("<object></object>")


def place_facades(manual: Path) -> Path:
    for number, name in enumerate(FACADES):
        labels = (noise(4, 3, seed=number) % 12 + 1).repeat(10, axis=0).repeat(10, axis=1)
        write_facade(manual / "cmp_facade", name, labels)
    return manual / "cmp_facade"


def place_streets(manual: Path) -> Path:
    def png(array: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(array).save(file, "PNG", compress_level=1)
        return file.getvalue()

    manual.mkdir(parents=True, exist_ok=True)
    labels = np.zeros((1024, 2048), np.uint8)
    labels[:512], labels[512:, :1024] = LABELS["sky"], LABELS["road"]
    picture, drawn = png(np.stack([labels * 7] * 3, axis=-1)), png(labels)
    with (
        zipfile.ZipFile(manual / "leftImg8bit_trainvaltest.zip", "w") as pictures,
        zipfile.ZipFile(manual / "gtFine_trainvaltest.zip", "w") as maps,
    ):
        for folder, count in STREETS.items():
            for number in range(count):
                name = f"{folder}/{folder.split('/')[1]}_{number:06}_000019"
                pictures.writestr(f"leftImg8bit/{name}_leftImg8bit.png", picture)
                maps.writestr(f"gtFine/{name}_gtFine_labelIds.png", drawn)
                maps.writestr(f"gtFine/{name}_gtFine_color.png", drawn)
    return manual / "gtFine_trainvaltest.zip"


def place_shoes(manual: Path) -> Path:
    root, listed = manual / "sbir_cvpr2016" / "shoes", {}
    for split, (photos, sketches) in {"train": (3, 2), "test": (2, 2)}.items():
        for folder in ("images", "sketches"):
            (root / split / folder).mkdir(parents=True)
        for number in range(photos):
            pixels = np.full((256, 256, 3), 60 * number, np.uint8)
            Image.fromarray(pixels).save(root / split / "images" / f"{number}.jpg")
        for number in range(sketches):
            drawn = np.zeros((256, 256, 4), np.uint8)
            drawn[100:110, 20:200, 3] = 255
            Image.fromarray(drawn).save(root / split / "sketches" / f"{number}.png")
        listed[split] = {
            "images": [f"{number}.jpg" for number in range(photos)],
            "sketches": [f"{number}.png" for number in range(sketches)],
            "triplets": [[0, 0, 1]],
        }
    (root / "annotation").mkdir()
    (root / "annotation" / "shoes_annotation.json").write_text(json.dumps(listed))
    return root


@pytest.fixture
def manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(CmpFacade, "PICTURES", 5)
    monkeypatch.setattr(CmpFacade, "TRAIN", 3)
    return tmp_path / "datasets" / "downloads" / "manual"


def test_facades_are_label_maps_and_photographs(manual: Path) -> None:
    root = place_facades(manual)
    source = open_domains("cmp_facade")
    assert {name: split.examples for name, split in source.splits.items()} == {"train": 3, "test": 2}
    assert (source.domains, tuple(source.label_colors)) == (("labels", "photo"), CLASSES)
    train, test = source.examples("train"), source.examples("test")
    assert not set(train.ids) & set(test.ids)
    assert train.a.shape == train.b.shape == (3, 256, 256, 3)
    labels = labels_from_colors(train.a, source.label_colors)
    for name, found in zip(train.ids, labels, strict=True):
        path = next(root.glob(f"*/{name}.png"))
        assert found[3, 3] == np.asarray(Image.open(path))[0, 0] - 1
    (x, _) = next(iter(find_task("translation").batches(registry.find("gan").recipe("facade"), train)))
    assert x["a"].shape == x["b"].shape == (1, 256, 256, 3)

    with pytest.raises(UnknownNameError, match="validation"):
        source.examples("validation")
    judged = open_label_set("cmp_facade", build=False)
    task, judge = find_task("segmentation"), registry.find("fcn8s")
    opened = task.open(judge.recipe("house").data.model_copy(update={"name": "cmp_facade"}), [judge])
    assert (opened.classes, opened.fingerprint) == (judged.classes, source.fingerprint)
    np.testing.assert_array_equal(task.examples(judge, opened, "train").labels, labels)


def break_size(root: Path) -> None:
    write_facade(root, FACADES[0], np.ones((40, 31), np.uint8))


def break_label(root: Path) -> None:
    write_facade(root, FACADES[0], np.full((40, 30), 13, np.uint8))


def break_picture(root: Path) -> None:
    path = root / f"{FACADES[0]}.jpg"
    path.write_bytes(path.read_bytes()[:300])


def remove_map(root: Path) -> None:
    (root / f"{FACADES[0]}.png").unlink()


def remove_picture(root: Path) -> None:
    (root / f"{FACADES[0]}.jpg").unlink()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (break_size, r"cmp_b0001\.png has mode P and \(31, 40\) pixels; expected .*\(30, 40\), the size"),
        (break_label, r"cmp_b0001\.png has label 13; expected 1 to 12"),
        (break_picture, r"cmp_b0001\.jpg cannot be decoded"),
        (remove_map, r"cmp_b0001\.png cannot be decoded"),
        (remove_picture, "has 4 of 5 images; Download CMP_facade_DB_base"),
        (shutil.rmtree, "there is no folder .*cmp_facade; Download CMP_facade_DB_base"),
    ],
)
def test_facades_that_are_not_right(manual: Path, broken: Callable[[Path], None], message: str) -> None:
    broken(place_facades(manual))
    with pytest.raises(DataError, match=message):
        open_domains("cmp_facade")


def test_streets_are_read_by_the_nineteen_classes(manual: Path) -> None:
    with pytest.raises(DataError, match=r"there is no .*leftImg8bit_trainvaltest\.zip; register at"):
        open_domains("cityscapes")
    place_streets(manual)
    source = open_domains("cityscapes")
    assert {name: split.examples for name, split in source.splits.items()} == {"train": 2, "validation": 1}
    found = source.examples("train")
    labels = labels_from_colors(found.a, source.label_colors)
    names = list(source.label_colors)
    assert len(names) == 19
    assert names[labels[0, 0, 0]] == "sky"
    assert names[labels[0, 255, 0]] == "road"
    assert labels[0, 255, 255] == 255
    assert tuple(found.a[0, 0, 0]) == source.label_colors["sky"]
    np.testing.assert_array_equal(np.flatnonzero(class_of_label() != 255), sorted(LABELS.values()))


def test_streets_from_an_archive_that_is_broken(manual: Path) -> None:
    archive = place_streets(manual)
    archive.write_bytes(archive.read_bytes()[:900])
    with pytest.raises(DataError, match=r"cityscapes cannot be prepared from .*gtFine_trainvaltest\.zip"):
        open_domains("cityscapes")


def test_sketches_are_a_domain_of_their_own(manual: Path) -> None:
    place_shoes(manual)
    source = open_domains("sbir_shoes")
    found = source.examples("train")
    assert (source.domains, found.paired, len(found)) == (("photo", "sketch"), False, 3)
    assert found.a.shape == (3, 256, 256, 3)
    assert found.b.shape == (2, 256, 256, 3)
    np.testing.assert_allclose(np.sort(found.a[:, 0, 0, 0]), [0, 60, 120], atol=2)
    assert found.b[0, 0, 0].tolist() == [255, 255, 255]
    assert found.b[0, 105, 100].tolist() == [0, 0, 0]
    assert source.label_colors == {}
    assert open_domains("sbir_shoes", build=False).fingerprint == source.fingerprint
    with pytest.raises(DataError, match="sbir_chairs is not built"):
        open_domains("sbir_chairs", build=False)
    with pytest.raises(DataError, match=r"there is no folder .*chairs; Download sbir_cvpr2016\.tar"):
        open_domains("sbir_chairs")


def drop_sketches(root: Path) -> None:
    shutil.rmtree(root / "test" / "sketches")


def empty_annotation(root: Path) -> None:
    listed = {split: {"images": ["0.jpg"], "sketches": []} for split in ("train", "test")}
    (root / "annotation" / "shoes_annotation.json").write_text(json.dumps(listed))


def drop_photo(root: Path) -> None:
    (root / "train" / "images" / "1.jpg").unlink()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (drop_sketches, "there is no folder .*test/sketches; Download"),
        (empty_annotation, r"shoes_annotation\.json is no annotation of SBIR.*received \[\]"),
        (drop_photo, r"images/1\.jpg cannot be decoded"),
    ],
)
def test_sketches_that_are_not_right(manual: Path, broken: Callable[[Path], None], message: str) -> None:
    broken(place_shoes(manual))
    with pytest.raises(DataError, match=message):
        open_domains("sbir_shoes")
