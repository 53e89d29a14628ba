"""Captioned data sets placed by hand, each on a small fake of its true layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from kzoo.data.builders.captioned_files import CAPTIONED_FILES
from kzoo.data.captions import open_captions
from kzoo.errors import DataError


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = sum(path.name.encode()) % 256
    Image.fromarray(np.full((8, 10, 3), shade, np.uint8)).save(path)


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def karpathy(images: list[tuple[str, str, str]]) -> str:
    rows = [
        {
            "filename": name,
            "filepath": part,
            "split": split,
            "cocoid": int(name.split(".")[0]),
            "sentences": [{"raw": f"A picture, {name}."}, {"raw": f"{name} again. "}],
        }
        for name, part, split in images
    ]
    return json.dumps({"images": rows})


def flickr30k(folder: Path) -> None:
    names = {"1.jpg": "train", "2.jpg": "val", "3.jpg": "test"}
    text(folder / "dataset_flickr30k.json", karpathy([(name, "", split) for name, split in names.items()]))
    for name in names:
        picture(folder / "flickr30k-images" / name)


def mscoco(folder: Path) -> None:
    images = [
        ("11.jpg", "train2014", "train"),
        ("12.jpg", "val2014", "val"),
        ("13.jpg", "val2014", "test"),
        ("14.jpg", "val2014", "restval"),
    ]
    text(folder / "dataset_coco.json", karpathy(images))
    for name, part, _ in images:
        picture(folder / part / name)
    categories = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}, {"id": 90, "name": "toothbrush"}]
    for part, labels in {"train2014": {11: [90, 1, 1]}, "val2014": {13: [18]}}.items():
        annotations = [
            {"image_id": image, "category_id": one} for image, found in labels.items() for one in found
        ]
        instances = {"categories": categories, "annotations": annotations}
        text(folder / "annotations" / f"instances_{part}.json", json.dumps(instances))


def pascal_sentence(folder: Path) -> None:
    for name in ("aeroplane", "bicycle"):
        for number in range(50):
            picture(folder / "dataset" / name / f"2008_{number:06d}.jpg")
            text(folder / "sentence" / name / f"2008_{number:06d}.txt", "One.", "", " Two. ")


def flowers_captions(folder: Path) -> None:
    folder.mkdir(parents=True)
    savemat(folder / "setid.mat", {"trnid": [[2]], "valid": [[4]], "tstid": [[1, 3]]})
    savemat(folder / "imagelabels.mat", {"labels": [[1, 1, 2, 2]]})
    for number, label in enumerate((1, 1, 2, 2), start=1):
        picture(folder / "jpg" / f"image_{number:05d}.jpg")
        text(folder / "text_c10" / f"class_{label:05d}" / f"image_{number:05d}.txt", "petals", "pink petals")


def cub_captions(folder: Path) -> None:
    birds = folder / "CUB_200_2011"
    names = ("001.Albatross/Albatross_0001.jpg", "002.Wren/Wren_0002.jpg")
    text(birds / "classes.txt", "1 001.Albatross", "2 002.Wren")
    text(birds / "images.txt", *(f"{number} {name}" for number, name in enumerate(names, start=1)))
    text(birds / "image_class_labels.txt", "1 1", "2 2")
    text(birds / "train_test_split.txt", "1 1", "2 0")
    for name in names:
        picture(birds / "images" / name)
        text(folder / "text_c10" / Path(name).with_suffix(".txt"), "a bird", "a small bird")


FAKES: dict[str, Callable[[Path], None]] = {
    one.__name__: one for one in (flickr30k, mscoco, pascal_sentence, flowers_captions, cub_captions)
}


@pytest.fixture
def manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    return tmp_path / "datasets" / "downloads" / "manual"


def placed(manual: Path, name: str) -> Path:
    FAKES[name](manual / name)
    return manual / name


def test_every_set_has_a_fake() -> None:
    assert FAKES.keys() == CAPTIONED_FILES.keys()


@pytest.mark.parametrize(
    ("name", "captions", "classes"),
    [
        ("flickr30k", {"train": 2, "validation": 2, "test": 2}, 0),
        ("mscoco", {"train": 2, "validation": 2, "test": 2}, 3),
        ("pascal_sentence", {"train": 160, "validation": 20, "test": 20}, 2),
        ("flowers_captions", {"train": 4, "test": 4}, 2),
        ("cub_captions", {"train": 2, "test": 2}, 2),
    ],
)
def test_layout(name: str, captions: dict[str, int], classes: int, manual: Path) -> None:
    placed(manual, name)
    source = open_captions(name)
    assert {split: one.examples for split, one in source.splits.items()} == captions
    assert len(source.classes) == classes
    assert source.multi_label == (name == "mscoco")
    for split in source.splits:
        for image in source.images(split):
            assert image.image_bytes()[:2] == b"\xff\xd8"
            assert len(image.captions) == 2
            assert len(image.labels) == bool(classes) or source.multi_label
    assert source.fingerprint == open_captions(name).fingerprint


def test_coco_has_labels_in_the_order_of_its_ids_and_no_restval(manual: Path) -> None:
    placed(manual, "mscoco")
    source = open_captions("mscoco")
    assert source.classes == ("person", "dog", "toothbrush")
    found = {image.id: image.labels for split in source.splits for image in source.images(split)}
    assert found == {"11": (0, 2), "12": (), "13": (1,)}


def test_flowers_and_birds_have_their_classes(manual: Path) -> None:
    placed(manual, "flowers_captions")
    placed(manual, "cub_captions")
    flowers, birds = open_captions("flowers_captions"), open_captions("cub_captions")
    found = [(image.id, image.labels) for image in flowers.images("train")]
    assert found == [("image_00002", (0,)), ("image_00004", (1,))]
    assert [birds.classes[image.labels[0]] for image in birds.images("test")] == ["002.Wren"]


@pytest.mark.parametrize("name", FAKES)
def test_missing_files_are_named_with_their_origin_and_place(name: str, manual: Path) -> None:
    folder = placed(manual, name)
    for needed, origin in CAPTIONED_FILES[name].needed.items():
        aside = (folder / needed).rename(folder / "aside")
        with pytest.raises(DataError) as caught:
            open_captions(name)
        assert str(folder / needed) in str(caught.value)
        assert f"download it from {origin}" in str(caught.value)
        aside.rename(folder / needed)


def test_image_with_captions_that_is_missing(manual: Path) -> None:
    (placed(manual, "flickr30k") / "flickr30k-images" / "2.jpg").unlink()
    with pytest.raises(DataError, match=r"2\.jpg is not there; Flickr30K has captions for it"):
        open_captions("flickr30k")


def test_empty_caption_and_none(manual: Path) -> None:
    folder = placed(manual, "cub_captions")
    (folder / "text_c10" / "002.Wren" / "Wren_0002.txt").write_text("\n \n")
    with pytest.raises(DataError, match=r"Wren_0002\.jpg has the captions \[\]; expected one or more"):
        open_captions("cub_captions")
    flickr = placed(manual, "flickr30k")
    path = flickr / "dataset_flickr30k.json"
    path.write_text(path.read_text().replace("2.jpg again. ", "  "))
    with pytest.raises(DataError, match=r"image 2 has the captions .*none of them empty"):
        open_captions("flickr30k")


@pytest.mark.parametrize(
    ("name", "path", "content", "message"),
    [
        ("flickr30k", "dataset_flickr30k.json", "{", "cannot be read as JSON"),
        ("flickr30k", "dataset_flickr30k.json", '{"images": [{"split": "train"}]}', "is not Karpathy's"),
        ("mscoco", "annotations/instances_val2014.json", "[]", "is not COCO's"),
        ("flowers_captions", "setid.mat", "nothing", "are not Oxford Flowers'"),
        ("cub_captions", "CUB_200_2011/train_test_split.txt", "1 1", "image 2 .* no side of the split"),
        ("cub_captions", "CUB_200_2011/image_class_labels.txt", "1 1\n2 9", "class 9; expected 1 to 2"),
        ("cub_captions", "CUB_200_2011/classes.txt", "1", "expected two columns"),
    ],
)
def test_files_that_are_something_else(
    name: str, path: str, content: str, message: str, manual: Path
) -> None:
    (placed(manual, name) / path).write_text(content)
    with pytest.raises(DataError, match=message):
        open_captions(name)


def test_another_number_of_pascal_images(manual: Path) -> None:
    folder = placed(manual, "pascal_sentence")
    shutil.rmtree(folder / "sentence" / "bicycle")
    text(folder / "sentence" / "bicycle" / "one.txt", "One.")
    with pytest.raises(DataError, match="bicycle has 1 files; expected 50"):
        open_captions("pascal_sentence")
