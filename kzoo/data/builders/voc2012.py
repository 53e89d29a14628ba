"""TFDS builder of PASCAL VOC 2012 for segmentation, merged with the Semantic Boundaries Dataset (SBD).

Thesis section 2.4.4; Everingham et al. 2010; Hariharan et al. 2011. Downloaded by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.data.builders.manual_images import checked_folder, checked_image, image_size
from kzoo.errors import DataError

HOMEPAGE = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"
SBD_HOMEPAGE = "http://home.bharathh.info/pubs/codes/SBD/download.html"
CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
IGNORED = 255


class Voc2012(tfds.core.GeneratorBasedBuilder):
    """Photographs with a class for each pixel, 255 on the borders of objects.

    Split "train" has the training images of VOC 2012 and those of SBD; "validation" the validation images of
    VOC 2012 that are not among these, 904. Label maps are VOC's own wherever it has one.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "VOC 2012 train and val, SBD train."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Download VOCtrainval_11-May-2012.tar from {HOMEPAGE} and benchmark.tgz from {SBD_HOMEPAGE} and "
        "unpack both here: VOCdevkit/VOC2012 and benchmark_RELEASE/dataset."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="PASCAL VOC 2012 with the Semantic Boundaries Dataset: segmentation.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
                    "labels": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
                    "name": tfds.features.Text(),
                }
            ),
            homepage=HOMEPAGE,
            license="research only; the photographs are Flickr's users'",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        manual, expected = Path(dl_manager.manual_dir), self.MANUAL_DOWNLOAD_INSTRUCTIONS
        voc = checked_folder(manual / "VOCdevkit" / "VOC2012", expected)
        sbd = checked_folder(manual / "benchmark_RELEASE" / "dataset", expected)
        lists = voc / "ImageSets" / "Segmentation"
        added = _names(sbd / "train.txt")
        own = _names(lists / "train.txt")
        validation = [name for name in _names(lists / "val.txt") if name not in set(added)]
        train = [*own, *(name for name in added if name not in set(own))]
        return {
            "train": self._generate_examples(train, voc, sbd),
            "validation": self._generate_examples(validation, voc, sbd),
        }

    def _generate_examples(
        self, names: list[str], voc: Path, sbd: Path
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in names:
            picture, drawn = voc / "JPEGImages" / f"{name}.jpg", voc / "SegmentationClass" / f"{name}.png"
            if not picture.is_file():
                picture = sbd / "img" / f"{name}.jpg"
            read = voc_labels(drawn) if drawn.is_file() else sbd_labels(sbd / "cls" / f"{name}.mat")
            size = image_size(picture)
            if read.shape != size:
                raise DataError(f"the label map of {picture} is {read.shape}; expected the image's {size}")
            yield name, {"image": str(picture), "labels": read[..., None], "name": name}


def voc_labels(path: Path) -> np.ndarray:
    """Return the label map, uint8 (H, W), of a PNG whose palette entries are the classes.

    Raises:
        DataError: if it has no palette or cannot be decoded, or has a label that is no class.
    """
    from PIL import Image

    with Image.open(checked_image(path)) as image:
        if image.mode != "P":
            raise DataError(
                f"{path} has mode {image.mode}; expected a palette, whose entries are the classes"
            )
        return _checked(np.asarray(image), path)


def sbd_labels(path: Path) -> np.ndarray:
    """Return the label map, uint8 (H, W), of a .mat file with GTcls.Segmentation.

    Raises:
        DataError: if there is no such file or map, or it has a label that is no class.
    """
    from scipy.io import loadmat

    try:
        labels = loadmat(path, squeeze_me=True, struct_as_record=False)["GTcls"].Segmentation
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise DataError(f"{path} has no label map GTcls.Segmentation: {error}") from error
    return _checked(np.asarray(labels), path)


def _checked(labels: np.ndarray, path: Path) -> np.ndarray:
    wrong = labels[(labels >= len(CLASSES)) & (labels != IGNORED)]
    if labels.ndim != 2 or wrong.size:
        found = f"label {wrong[0]}" if wrong.size else f"shape {labels.shape}"
        raise DataError(f"{path} has {found}; expected a map of 0 to {len(CLASSES) - 1} and {IGNORED}")
    return labels.astype(np.uint8)


def _names(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
