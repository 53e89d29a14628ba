"""TFDS builder of PASCAL Context (Mottaghi et al. 2014): 10,103 photographs, all pixels labelled.

Thesis section 3.3: edges traced along its segments are the coarse annotations (CEA). Downloaded by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.boundary_files import read_matlab
from kzoo.data.builders.annotated_edges import edge_example, edge_features
from kzoo.data.builders.manual_images import checked_files, checked_folder, checked_image, image_size
from kzoo.data.segment_edges import segment_edges
from kzoo.errors import DataError

HOMEPAGE = "https://www.cs.stanford.edu/~roozbeh/pascal-context/"
VOC_HOMEPAGE = "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/"


class PascalContext(tfds.core.GeneratorBasedBuilder):
    """Photographs with edges along their segments; splits are VOC 2010's lists "train" and "val"."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Edges along the segments of 459 classes."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Download trainval.tar.gz from {HOMEPAGE} and VOCtrainval_03-May-2010.tar from {VOC_HOMEPAGE} and "
        "unpack both here: trainval/*.mat and VOCdevkit/VOC2010."
    )
    IMAGES = 10_103

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="PASCAL Context: edges along its segments.",
            features=edge_features(),
            homepage=HOMEPAGE,
            license="research only; the photographs are Flickr's users'",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        manual, expected = Path(dl_manager.manual_dir), self.MANUAL_DOWNLOAD_INSTRUCTIONS
        maps = checked_folder(manual / "trainval", expected)
        voc = checked_folder(manual / "VOCdevkit" / "VOC2010", expected)
        checked = checked_files(maps.glob("*.mat"), self.IMAGES, maps, expected)
        validation = _names(voc / "ImageSets" / "Main" / "val.txt")
        photographs = voc / "JPEGImages"
        return {
            "train": self._generate_examples([p for p in checked if p.stem not in validation], photographs),
            "validation": self._generate_examples([p for p in checked if p.stem in validation], photographs),
        }

    def _generate_examples(self, maps: list[Path], photographs: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in maps:
            photograph = checked_image(photographs / f"{path.stem}.jpg")
            edges = segment_edges(context_labels(path, image_size(photograph)))
            yield path.stem, edge_example(str(photograph), edges[None], path.stem)


def context_labels(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the label map, whole numbers (H, W), of a .mat file with LabelMap.

    Raises:
        DataError: if the file cannot be read, or has no label map of that size.
    """
    labels = np.asarray(read_matlab(path).get("LabelMap"))
    if labels.dtype.kind not in "bui" or labels.shape != size:
        raise DataError(
            f"{path} has LabelMap {labels.dtype} {labels.shape}; expected whole numbers of the image's {size}"
        )
    return labels


def _names(path: Path) -> set[str]:
    try:
        return set(path.read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
