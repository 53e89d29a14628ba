"""TFDS builder of the CMP Facade Database (Tylecek and Sara 2013): facades with label maps, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.data.builders.manual_images import checked_files, checked_folder, checked_image, in_order
from kzoo.data.progress import progress_bar
from kzoo.errors import DataError

HOMEPAGE = "https://cmp.felk.cvut.cz/~tylecr1/facade/"
LICENCE = "CC BY-SA; cite Tylecek and Sara 2013"
FOLDER = "cmp_facade"
PARTS = ("base", "extended")
CLASSES = (
    "background", "facade", "window", "door", "cornice", "sill", "balcony", "blind", "deco", "molding",
    "pillar", "shop",
)  # fmt: skip


class CmpFacade(tfds.core.GeneratorBasedBuilder):
    """Photographs of facades with a class for each pixel.

    The thesis draws 400 of the 606 to train with and tests on the others (section 8.1.4); which, it does not
    say. Here they are the first by the hashes of their names.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Base and extended set."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Download CMP_facade_DB_base.zip and CMP_facade_DB_extended.zip from {HOMEPAGE} and unpack both "
        f"into {FOLDER}/ here: {FOLDER}/base/cmp_b0001.jpg and .png, {FOLDER}/extended/cmp_x0001.jpg and "
        ".png."
    )
    PICTURES, TRAIN = 606, 400

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="CMP Facade Database: segmentation.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
                    "labels": tfds.features.Image(shape=(None, None, 1), doc=f"indices of {CLASSES}"),
                    "name": tfds.features.Text(),
                }
            ),
            homepage=HOMEPAGE,
            license=LICENCE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        expected = self.MANUAL_DOWNLOAD_INSTRUCTIONS
        root = checked_folder(Path(dl_manager.manual_dir) / FOLDER, expected)
        found = [path for part in PARTS for path in checked_folder(root / part, expected).glob("*.jpg")]
        paths = {path.stem: path for path in checked_files(found, self.PICTURES, root, expected)}
        names = in_order(paths)
        return {
            "train": self._generate_examples([paths[name] for name in names[: self.TRAIN]]),
            "test": self._generate_examples([paths[name] for name in names[self.TRAIN :]]),
        }

    def _generate_examples(self, paths: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in progress_bar(paths, FOLDER, total=len(paths)):
            labels = facade_labels(path.with_suffix(".png"), checked_image(path))
            yield path.stem, {"image": str(path), "labels": labels[..., None], "name": path.stem}


def facade_labels(path: Path, picture: Path) -> np.ndarray:
    """Return the label map, uint8 (H, W), 0 to 11, of a PNG whose palette entries are 1 to 12.

    Raises:
        DataError: if it is missing, broken, has no palette or other labels, or not the size of its picture.
    """
    from PIL import Image

    with Image.open(checked_image(path)) as image, Image.open(picture) as photograph:
        if image.mode != "P" or image.size != photograph.size:
            raise DataError(
                f"{path} has mode {image.mode} and {image.size} pixels; expected a palette, whose entries "
                f"are the classes, and {photograph.size}, the size of {picture.name}"
            )
        labels = np.asarray(image)
    wrong = (labels < 1) | (labels > len(CLASSES))
    if wrong.any():
        raise DataError(f"{path} has label {labels[wrong][0]}; expected 1 to {len(CLASSES)}")
    return labels - 1
