"""TFDS builder of INRIA Holidays (Jegou et al. 2008): 1,491 photographs in 500 groups; downloaded by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.data.builders.manual_images import checked_files, checked_folder, checked_image
from kzoo.errors import DataError

HOMEPAGE = "https://lear.inrialpes.fr/~jegou/data.php"
_IN_A_GROUP = 100


class Holidays(tfds.core.GeneratorBasedBuilder):
    """One split "test"; the photograph whose number ends in 00 is the query of its group."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "The archives jpg1 and jpg2."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Download jpg1.tar.gz and jpg2.tar.gz from {HOMEPAGE} and unpack both here: jpg/100000.jpg to "
        "jpg/149901.jpg, 1,491 files."
    )
    IMAGES = 1491

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="INRIA Holidays: retrieval of photographs of one scene or object.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "name": tfds.features.Text(),
                    "group": np.int64,
                    "query": np.bool_,
                }
            ),
            homepage=HOMEPAGE,
            license="for research; the photographs belong to INRIA",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        folder = checked_folder(Path(dl_manager.manual_dir) / "jpg", self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        paths = checked_files(folder.glob("*.jpg"), self.IMAGES, folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        return {"test": self._generate_examples(paths)}

    def _generate_examples(self, paths: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in paths:
            if not path.stem.isdecimal():
                raise DataError(f"{path} is no photograph of Holidays; expected names as 100000.jpg")
            number = int(path.stem)
            yield (
                path.stem,
                {
                    "image": str(checked_image(path)),
                    "name": path.stem,
                    "group": number // _IN_A_GROUP,
                    "query": number % _IN_A_GROUP == 0,
                },
            )
