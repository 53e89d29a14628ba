"""TFDS builder of Paris (Philbin et al. 2008): 6,412 photographs, 55 queries of 11 landmarks; by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.data.builders.manual_images import checked_files, checked_folder, checked_image
from kzoo.errors import DataError

HOMEPAGE = "https://www.robots.ox.ac.uk/~vgg/data/parisbuildings/"
LABELS = ("good", "ok", "junk")


class Paris6k(tfds.core.GeneratorBasedBuilder):
    """Splits "gallery", the photographs, and "queries": a name, a box, and the names labelled for it.

    Twenty of the published files are known to be broken; put the repaired ones in their place.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "paris_1, paris_2 and the ground truth paris_120310."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Download paris_1.tgz, paris_2.tgz and paris_120310.tgz from {HOMEPAGE}; unpack the first two here "
        "(paris/LANDMARK/paris_LANDMARK_NUMBER.jpg, 6,412 files) and the third into paris_120310/ "
        "(LANDMARK_1_query.txt, _good.txt, _ok.txt, _junk.txt; 55 queries)."
    )
    IMAGES, QUERIES = 6412, 55

    def _info(self) -> tfds.core.DatasetInfo:
        names = tfds.features.Sequence(tfds.features.Text())
        return self.dataset_info_from_configs(
            description="Paris: retrieval of photographs of one landmark.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "name": tfds.features.Text(),
                    "query": tfds.features.Text(doc="as defense_1; empty in the gallery"),
                    "box": tfds.features.Tensor(
                        shape=(4,),
                        dtype=np.float32,
                        doc="left, top, right, bottom in pixels; 0 in the gallery",
                    ),
                    **dict.fromkeys(LABELS, names),
                }
            ),
            homepage=HOMEPAGE,
            license="for research; the photographs belong to their authors on Flickr",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        root, expected = Path(dl_manager.manual_dir), self.MANUAL_DOWNLOAD_INSTRUCTIONS
        folder = checked_folder(root / "paris", expected)
        truth = checked_folder(root / "paris_120310", expected)
        paths = checked_files(folder.glob("*/*.jpg"), self.IMAGES, folder, expected)
        queries = sorted(truth.glob("*_query.txt"))
        if len(queries) != self.QUERIES:
            raise DataError(f"{truth} has {len(queries)} of {self.QUERIES} queries; {expected}")
        known = {path.stem: path for path in paths}
        return {"gallery": self._gallery(known), "queries": self._queries(queries, known)}

    def _generate_examples(self, paths: dict[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
        return self._gallery(paths)

    def _gallery(self, known: dict[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
        nothing = {"query": "", "box": [0.0] * 4, **{label: [] for label in LABELS}}
        for name, path in known.items():
            yield name, {"image": str(checked_image(path)), "name": name, **nothing}

    def _queries(self, queries: list[Path], known: dict[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in queries:
            query = path.name.removesuffix("_query.txt")
            name, box = _query_of(path)
            labelled = {label: _names_in(path.with_name(f"{query}_{label}.txt")) for label in LABELS}
            for one in (name, *(one for names in labelled.values() for one in names)):
                if one not in known:
                    raise DataError(f"{path.parent} labels {one} for {query}; there is no such photograph")
            yield (
                query,
                {
                    "image": str(checked_image(known[name])),
                    "name": name,
                    "query": query,
                    "box": box,
                    **labelled,
                },
            )


def _query_of(path: Path) -> tuple[str, list[float]]:
    name, *box = path.read_text("utf-8").split()
    try:
        numbers = [float(number) for number in box]
    except ValueError:
        numbers = []
    if len(numbers) != 4:
        raise DataError(
            f"{path}: expected a name and four numbers; received {path.read_text('utf-8')[:80]!r}"
        )
    return name, numbers


def _names_in(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").split()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
