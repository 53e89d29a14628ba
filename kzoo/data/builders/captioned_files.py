"""Captioned data sets whose files are placed by hand: what must lie where, and how it is read.

Each has a folder of its own name below `datasets/downloads/manual` of the cache folder. Splits are those of
the thesis (sections 5.4 and 7.4): Karpathy's for Flickr30K and MSCOCO, the authors' for Flowers and CUB.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kzoo.errors import DataError
from kzoo.files import cache_folder

KARPATHY = "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip"
REED = "https://github.com/reedscot/icml2016 (cvpr2016_flowers.tar.gz, cvpr2016_cub.tar.gz)"
KARPATHY_SPLITS = {"train": "train", "val": "validation", "test": "test"}
COCO_TEST_IMAGES = 1000
PASCAL_SPLITS = {"train": slice(0, 40), "validation": slice(40, 45), "test": slice(45, 50)}


@dataclass(frozen=True)
class Entry:
    """One image of a data set.

    Attributes:
        id: unique within the set.
        image: its file.
        captions: its texts, as they are in the files but for blanks around them.
        labels: indices into the classes; () without.
    """

    id: str
    image: Path
    captions: tuple[str, ...]
    labels: tuple[int, ...] = ()


Splits = Mapping[str, list[Entry]]


@dataclass(frozen=True)
class Files:
    """One data set.

    Attributes:
        description: one line.
        folder: its name below the folder of what is placed by hand.
        needed: path in the folder to where it is downloaded from.
        read: the folder to the class names and the entries of each split.
        licence: one line.
        source: one line.
        multi_label: whether an image may have any number of classes.
    """

    description: str
    folder: str
    needed: Mapping[str, str]
    read: Callable[[Path], tuple[tuple[str, ...], Splits]]
    licence: str
    source: str
    multi_label: bool = False

    def open(self) -> tuple[tuple[str, ...], Splits]:
        """Return class names and entries by split.

        Raises:
            DataError: if a file is missing (the message says where to get it and where to put it), is not
                what it should be, an image that has captions is missing, or two images have one id.
        """
        folder = cache_folder("datasets", "downloads", "manual", self.folder)
        for path, origin in self.needed.items():
            if not (folder / path).exists():
                raise DataError(f"{folder / path} is not there; download it from {origin} and place it there")
        classes, splits = self.read(folder)
        seen: set[str] = set()
        for entry in (entry for entries in splits.values() for entry in entries):
            if not entry.image.is_file():
                raise DataError(f"{entry.image} is not there; {self.description} has captions for it")
            if entry.id in seen:
                raise DataError(f"{folder} has two images with the id {entry.id}; expected different ids")
            seen.add(entry.id)
        if empty := [name for name, entries in splits.items() if not entries]:
            raise DataError(
                f"{folder} has no images in {', '.join(empty)}; expected one or more in each split"
            )
        return classes, splits


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}") from error


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text: {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _table(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the two columns of a table parted by blanks."""
    for line in _lines(path):
        columns = line.split()
        if len(columns) != 2:
            raise DataError(f"{path} has the line {line!r}; expected two columns")
        yield columns[0], columns[1]


def _karpathy(path: Path, images: Callable[[dict[str, Any]], Path]) -> dict[str, list[tuple[int, Entry]]]:
    """Read Karpathy's JSON: split to COCO's (or 0) and the entry; what he calls "restval" is left out."""
    splits: dict[str, list[tuple[int, Entry]]] = {split: [] for split in KARPATHY_SPLITS.values()}
    try:
        for one in _json(path)["images"]:
            if one["split"] in KARPATHY_SPLITS:
                captions = tuple(sentence["raw"].strip() for sentence in one["sentences"])
                entry = Entry(Path(one["filename"]).stem, images(one), captions)
                splits[KARPATHY_SPLITS[one["split"]]].append((one.get("cocoid", 0), entry))
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is not Karpathy's: {error!r}; expected images with split and sentences"
        ) from error
    return splits


def read_flickr30k(folder: Path) -> tuple[tuple[str, ...], Splits]:
    """Read Flickr30K: 29,783 images to train, 1,000 to validate, 1,000 to test; five captions each."""
    images = folder / "flickr30k-images"
    found = _karpathy(folder / "dataset_flickr30k.json", lambda one: images / one["filename"])
    return (), {split: [entry for _, entry in entries] for split, entries in found.items()}


def read_mscoco(folder: Path) -> tuple[tuple[str, ...], Splits]:
    """Read MSCOCO with its 80 classes: 82,783 images to train, 5,000 to validate, the first 1,000 to test."""
    found = _karpathy(folder / "dataset_coco.json", lambda one: folder / one["filepath"] / one["filename"])
    names: dict[int, str] = {}
    labels: dict[int, set[int]] = defaultdict(set)
    for part in ("train2014", "val2014"):
        path = folder / "annotations" / f"instances_{part}.json"
        try:
            instances = _json(path)
            names |= {one["id"]: one["name"] for one in instances["categories"]}
            for one in instances["annotations"]:
                labels[one["image_id"]].add(one["category_id"])
        except (KeyError, TypeError) as error:
            raise DataError(
                f"{path} is not COCO's: {error!r}; expected categories and annotations"
            ) from error
    numbers = {category: number for number, category in enumerate(sorted(names))}
    splits = {
        split: [
            Entry(entry.id, entry.image, entry.captions, tuple(sorted(numbers[one] for one in labels[coco])))
            for coco, entry in entries
        ]
        for split, entries in found.items()
    }
    return tuple(names[one] for one in sorted(names)), {**splits, "test": splits["test"][:COCO_TEST_IMAGES]}


def read_pascal_sentence(folder: Path) -> tuple[tuple[str, ...], Splits]:
    """Read Pascal Sentence: of each of 20 classes 40 images to train, 5 to validate and 5 to test, by name.

    The thesis does not say which images these are; they are taken in the order of their names.
    """
    classes = tuple(sorted(path.name for path in (folder / "sentence").iterdir() if path.is_dir()))
    splits: dict[str, list[Entry]] = {split: [] for split in PASCAL_SPLITS}
    for label, name in enumerate(classes):
        texts = sorted((folder / "sentence" / name).glob("*.txt"))
        if len(texts) != 50:
            raise DataError(f"{folder / 'sentence' / name} has {len(texts)} files; expected 50, one an image")
        for split, part in PASCAL_SPLITS.items():
            splits[split] += [
                Entry(
                    f"{name}/{text.stem}",
                    folder / "dataset" / name / f"{text.stem}.jpg",
                    tuple(_lines(text)),
                    (label,),
                )
                for text in texts[part]
            ]
    return classes, splits


def read_flowers(folder: Path) -> tuple[tuple[str, ...], Splits]:
    """Read Oxford Flowers with Reed's ten captions: 2,040 images to train (train and val), 6,149 to test."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        ids = loadmat(folder / "setid.mat")
        labels = loadmat(folder / "imagelabels.mat")["labels"].ravel()
        members = {"train": [*ids["trnid"].ravel(), *ids["valid"].ravel()], "test": ids["tstid"].ravel()}
    except (OSError, ValueError, KeyError, TypeError, MatReadError) as error:
        raise DataError(
            f"{folder}/setid.mat and imagelabels.mat are not Oxford Flowers': {error!r}"
        ) from error
    splits: dict[str, list[Entry]] = {split: [] for split in members}
    for split, numbers in members.items():
        for number in numbers:
            if not 1 <= number <= len(labels):
                raise DataError(f"setid.mat names image {number}; imagelabels.mat has {len(labels)}")
            name, label = f"image_{number:05d}", int(labels[number - 1])
            text = folder / "text_c10" / f"class_{label:05d}" / f"{name}.txt"
            entry = Entry(name, folder / "jpg" / f"{name}.jpg", tuple(_lines(text)), (label - 1,))
            splits[split].append(entry)
    return tuple(f"class {number}" for number in range(1, int(labels.max()) + 1)), splits


def read_cub(folder: Path) -> tuple[tuple[str, ...], Splits]:
    """Read CUB-200-2011 with Reed's ten captions: 5,994 images to train, 5,794 to test."""
    birds = folder / "CUB_200_2011"
    classes = tuple(name for _, name in _table(birds / "classes.txt"))
    label_of = dict(_table(birds / "image_class_labels.txt"))
    training = dict(_table(birds / "train_test_split.txt"))
    splits: dict[str, list[Entry]] = {"train": [], "test": []}
    for number, name in _table(birds / "images.txt"):
        if number not in label_of or training.get(number) not in {"0", "1"}:
            raise DataError(f"{birds}: image {number} ({name}) has no class or no side of the split")
        label = int(label_of[number]) - 1
        if not 0 <= label < len(classes):
            raise DataError(f"{birds}: image {number} has class {label + 1}; expected 1 to {len(classes)}")
        text = folder / "text_c10" / Path(name).with_suffix(".txt")
        entry = Entry(name, birds / "images" / name, tuple(_lines(text)), (label,))
        splits["train" if training[number] == "1" else "test"].append(entry)
    return classes, splits


CAPTIONED_FILES: Mapping[str, Files] = {
    "flickr30k": Files(
        "Flickr30K",
        "flickr30k",
        {
            "dataset_flickr30k.json": KARPATHY,
            "flickr30k-images": "https://shannon.cs.illinois.edu/DenotationGraph",
        },
        read_flickr30k,
        "for research only, Flickr's terms; Young et al. 2014",
        "Flickr30K, Karpathy's splits",
    ),
    "mscoco": Files(
        "MSCOCO",
        "mscoco",
        {
            "dataset_coco.json": KARPATHY,
            **{
                part: f"http://images.cocodataset.org/zips/{part}.zip, unpacked"
                for part in ("train2014", "val2014")
            },
            **{
                f"annotations/instances_{part}.json": (
                    "http://images.cocodataset.org/annotations/annotations_trainval2014.zip, unpacked"
                )
                for part in ("train2014", "val2014")
            },
        },
        read_mscoco,
        "annotations CC BY 4.0, images by Flickr's terms; Lin et al. 2014",
        "MSCOCO 2014, Karpathy's splits without restval",
        multi_label=True,
    ),
    "pascal_sentence": Files(
        "Pascal Sentence",
        "pascal_sentence",
        dict.fromkeys(
            ("dataset", "sentence"),
            "https://vision.cs.uiuc.edu/pascal-sentences as CLASS/IMAGE.jpg and CLASS/IMAGE.txt",
        ),
        read_pascal_sentence,
        "for research, Flickr's terms; Rashtchian et al. 2010",
        "Pascal Sentence, 40, 5 and 5 images a class",
    ),
    "flowers_captions": Files(
        "Oxford Flowers",
        "flowers_captions",
        {
            **{
                name: f"https://www.robots.ox.ac.uk/~vgg/data/flowers/102 ({archive})"
                for name, archive in {
                    "jpg": "102flowers.tgz, unpacked",
                    "setid.mat": "setid.mat",
                    "imagelabels.mat": "imagelabels.mat",
                }.items()
            },
            "text_c10": REED,
        },
        read_flowers,
        "for research; Nilsback and Zisserman 2008, captions of Reed et al. 2016",
        "Oxford Flowers 102 with Reed's captions",
    ),
    "cub_captions": Files(
        "CUB-200-2011",
        "cub_captions",
        {
            "CUB_200_2011": "https://www.vision.caltech.edu/datasets/cub_200_2011 (the .tgz, unpacked)",
            "text_c10": REED,
        },
        read_cub,
        "for research; Wah et al. 2011, captions of Reed et al. 2016",
        "CUB-200-2011 with Reed's captions",
    ),
}
