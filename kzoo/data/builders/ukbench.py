"""TFDS builder of UKBench (Nister and Stewenius 2006): 2,550 objects, four photographs each; by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.data.builders.manual_images import checked_files, checked_folder, checked_image
from kzoo.errors import DataError

HOMEPAGE = "https://archive.org/details/ukbench"
_NAME = re.compile(r"ukbench(\d{5})")
_IN_A_GROUP = 4


class Ukbench(tfds.core.GeneratorBasedBuilder):
    """One split "test"; every photograph is a query."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "The archive ukbench.zip."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Download ukbench.zip from {HOMEPAGE} and unpack it here: full/ukbench00000.jpg to "
        "full/ukbench10199.jpg, 10,200 files."
    )
    IMAGES = 10_200

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="UKBench: retrieval of photographs of one object.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "name": tfds.features.Text(),
                    "group": np.int64,
                }
            ),
            homepage=HOMEPAGE,
            license="for research",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        folder = checked_folder(Path(dl_manager.manual_dir) / "full", self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        paths = checked_files(folder.glob("*.jpg"), self.IMAGES, folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        return {"test": self._generate_examples(paths)}

    def _generate_examples(self, paths: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in paths:
            named = _NAME.fullmatch(path.stem)
            if named is None:
                raise DataError(f"{path} is no photograph of UKBench; expected names as ukbench00000.jpg")
            group = int(named[1]) // _IN_A_GROUP
            yield path.stem, {"image": str(checked_image(path)), "name": path.stem, "group": group}
