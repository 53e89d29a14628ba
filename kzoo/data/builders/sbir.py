"""TFDS builder of SBIR (Yu et al. 2016, "Sketch me that shoe"): photographs and sketches; placed by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.data.builders.manual_images import checked_folder, checked_image
from kzoo.data.progress import progress_bar
from kzoo.errors import DataError

HOMEPAGE = "http://www.eecs.qmul.ac.uk/~qian/Project_cvpr16.html"
LICENCE = "for research; cite Yu et al. 2016"
FOLDER = "sbir_cvpr2016"
THINGS = ("shoes", "chairs")
DOMAINS = ("photo", "sketch")
FOLDERS = {"photo": "images", "sketch": "sketches"}


class Sbir(tfds.core.GeneratorBasedBuilder):
    """Photographs of shoes or chairs, and sketches of them by hand; one configuration a kind of thing.

    304 shoes to train and 115 to test, 200 and 97 chairs (section 8.1.5); the split is the data set's own.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "The release of 2016."}
    BUILDER_CONFIGS: ClassVar = [tfds.core.BuilderConfig(name=name, description=name) for name in THINGS]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Download sbir_cvpr2016.tar from {HOMEPAGE} and put its folder {FOLDER} here: "
        f"{FOLDER}/shoes/annotation/shoes_annotation.json, {FOLDER}/shoes/train/images, .../sketches, "
        f"{FOLDER}/shoes/test/images, .../sketches, and the same of chairs."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="SBIR: photographs and sketches.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "domain": tfds.features.ClassLabel(names=DOMAINS),
                    "name": tfds.features.Text(),
                }
            ),
            homepage=HOMEPAGE,
            license=LICENCE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        things, expected = self.builder_config.name, self.MANUAL_DOWNLOAD_INSTRUCTIONS
        root = checked_folder(Path(dl_manager.manual_dir) / FOLDER / things, expected)
        listed = read_annotation(root / "annotation" / f"{things}_annotation.json")
        for split in listed:
            for folder in FOLDERS.values():
                checked_folder(root / split / folder, expected)
        return {split: self._generate_examples(root / split, names) for split, names in listed.items()}

    def _generate_examples(
        self, root: Path, listed: dict[str, list[str]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for domain, folder in FOLDERS.items():
            names = listed[folder]
            title = f"{FOLDER} {self.builder_config.name}, {root.name} {folder}"
            for name in progress_bar(names, title, total=len(names)):
                pixels = over_white(root / folder / name)
                yield f"{folder}/{name}", {"image": pixels, "domain": domain, "name": name}


def read_annotation(path: Path) -> dict[str, dict[str, list[str]]]:
    """Return the names of the images and the sketches of each split, "train" and "test".

    Raises:
        DataError: if the file cannot be read, or does not list names of both.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        listed = {
            split: {folder: _names(content[split][folder]) for folder in FOLDERS.values()}
            for split in ("train", "test")
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no annotation of SBIR, with names of images and sketches of train and test: {error!r}"
        ) from error
    return listed


def _names(found: Sequence[str]) -> list[str]:
    if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
        raise TypeError(f"expected a list of names, received {str(found)[:60]}")
    return found


def over_white(path: Path) -> np.ndarray:
    """Return a picture as uint8 (H, W, 3), laid over white where it is transparent.

    Raises:
        DataError: if it cannot be decoded whole.
    """
    from PIL import Image

    with Image.open(checked_image(path)) as image:
        drawn = image.convert("RGBA")
        return np.asarray(Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB"))
