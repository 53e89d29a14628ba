"""TFDS builder of NYU Depth v2 for edges (Silberman, Hoiem, Kohli and Fergus 2012): 1,449 indoor photographs.

Thesis section 3.4. Downloaded by hand. Edges are traced between the objects of the data set's own label maps;
the benchmark that the thesis cites (Gupta, Arbelaez and Malik 2013) crops the images and closes unlabelled
pixels in a way of its own, so that figures of the two are near each other, not equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.boundary_files import read_matlab
from kzoo.data.builders.annotated_edges import edge_example, edge_features
from kzoo.data.segment_edges import segment_edges
from kzoo.errors import DataError

HOMEPAGE = "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html"
IMAGES, SPLITS = "nyu_depth_v2_labeled.mat", "splits.mat"
OBJECTS_A_LABEL = 1000


class NyudV2(tfds.core.GeneratorBasedBuilder):
    """Photographs of 640x480 with the edges between labelled objects: 795 to train, 654 to test."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "The labelled part and its published split."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Download {IMAGES} and {SPLITS} from {HOMEPAGE} and put both here."

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="NYU Depth v2, labelled: edges between objects.",
            features=edge_features("png"),
            homepage=HOMEPAGE,
            license="for research",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        manual = Path(dl_manager.manual_dir)
        for name in (IMAGES, SPLITS):
            if not (manual / name).is_file():
                raise DataError(f"there is no file {manual / name}; {self.MANUAL_DOWNLOAD_INSTRUCTIONS}")
        lists, images = read_matlab(manual / SPLITS), manual / IMAGES
        try:
            numbers = {split: np.atleast_1d(lists[f"{split}Ndxs"]) for split in ("train", "test")}
        except KeyError as error:
            raise DataError(f"{manual / SPLITS} has no {error}; expected trainNdxs and testNdxs") from error
        return {split: self._generate_examples(images, found) for split, found in numbers.items()}

    def _generate_examples(self, path: Path, numbers: np.ndarray) -> Iterator[tuple[str, dict[str, Any]]]:
        import h5py

        try:
            with h5py.File(path) as file:
                yield from _examples(file, path, numbers)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error}") from error


def _examples(file: Any, path: Path, numbers: np.ndarray) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield those of the numbers, counted from 1; MATLAB's arrays come with their axes in reverse."""
    for name in ("images", "labels", "instances"):
        if name not in file:
            raise DataError(f"{path} has no {name!r}; expected images, labels and instances")
    images, labels, instances = (file[name] for name in ("images", "labels", "instances"))
    count, _, width, height = images.shape
    if labels.shape != (count, width, height) or instances.shape != labels.shape:
        raise DataError(
            f"{path} has images {images.shape}, labels {labels.shape} and instances {instances.shape}; "
            "expected label maps of the images' size"
        )
    for number in numbers:
        if not 1 <= number <= count:
            raise DataError(f"{path} has {count} images; its split asks for number {number}")
        objects = labels[number - 1].T.astype(np.int64) * OBJECTS_A_LABEL + instances[number - 1].T
        edges = segment_edges(objects, ignored=0)
        image = np.ascontiguousarray(images[number - 1].transpose(2, 1, 0))
        name = f"{number:04d}"
        yield name, edge_example(image, edges[None], name)
