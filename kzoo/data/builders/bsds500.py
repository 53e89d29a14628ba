"""TFDS builder of BSDS500 (Arbelaez, Maire, Fowlkes and Malik 2011): 500 photographs, five annotators each.

Thesis sections 2.4.4 and 3.4. Downloaded by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from kzoo.boundary_files import read_boundaries
from kzoo.data.builders.annotated_edges import edge_example, edge_features
from kzoo.data.builders.manual_images import checked_files, checked_folder, image_size

HOMEPAGE = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html"
SPLITS = {"train": "train", "validation": "val", "test": "test"}


class Bsds500(tfds.core.GeneratorBasedBuilder):
    """Photographs of 481x321 and 321x481 with the boundaries of four to nine annotators."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "The archive BSR_bsds500.tgz."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Download BSR_bsds500.tgz from {HOMEPAGE} and unpack it here: BSR/BSDS500/data/images and "
        "BSR/BSDS500/data/groundTruth, each with train, val and test."
    )
    IMAGES: ClassVar = {"train": 200, "val": 100, "test": 200}

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="Berkeley Segmentation Data Set and Benchmarks 500: boundaries.",
            features=edge_features(),
            homepage=HOMEPAGE,
            license="for non-commercial research and education",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        data = Path(dl_manager.manual_dir) / "BSR" / "BSDS500" / "data"
        expected, found = self.MANUAL_DOWNLOAD_INSTRUCTIONS, {}
        for split, folder in SPLITS.items():
            images = checked_folder(data / "images" / folder, expected)
            annotations = checked_folder(data / "groundTruth" / folder, expected)
            paths = checked_files(images.glob("*.jpg"), self.IMAGES[folder], images, expected)
            found[split] = self._generate_examples(paths, annotations)
        return found

    def _generate_examples(
        self, paths: list[Path], annotations: Path
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in paths:
            boundaries = read_boundaries(annotations / f"{path.stem}.mat", image_size(path))
            yield path.stem, edge_example(str(path), boundaries, path.stem)
