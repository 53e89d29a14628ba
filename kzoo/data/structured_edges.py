"""Soft edge maps by OpenCV's structured forest (Dollar and Zitnick 2013)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kzoo.errors import DataError

SoftMap = npt.NDArray[np.float32]
_PARTS = ("options", "childs", "featureIds", "thresholds", "edgeBoundaries", "edgeBins")


class StructuredEdges:
    """OpenCV's detector, with a forest from a file.

    Args:
        model: the forest, as OpenCV publishes one: cv/ximgproc/model.yml.gz of its repository opencv_extra.

    Raises:
        DataError: if OpenCV with its contributed modules is not installed, or there is no such forest.
    """

    def __init__(self, model: Path) -> None:
        try:
            import cv2

            create: Any = cv2.ximgproc.createStructuredEdgeDetection
        except (ImportError, AttributeError) as error:
            raise DataError(
                "structured edges need OpenCV with its contributed modules: "
                f'pip install "kzoo[data]", or pip install opencv-contrib-python-headless ({error})'
            ) from error
        if not model.is_file():
            raise DataError(
                f"there is no file {model}; expected a structured forest, as model.yml.gz, which OpenCV's "
                "repository opencv_extra has in testdata/cv/ximgproc"
            )
        try:
            file = cv2.FileStorage(str(model), cv2.FILE_STORAGE_READ)
            absent = [name for name in _PARTS if file.getNode(name).empty()]
            if absent:
                raise DataError(f"{model} is no structured forest: it has no {', '.join(absent)}")
            self._detector = create(str(model))
        except (cv2.error, SystemError) as error:
            raise DataError(f"{model} is no structured forest: {error}") from error

    def __call__(self, image: npt.NDArray[np.uint8]) -> SoftMap:
        """Return the edge map, float32 (H, W), 0 to 1, of an image uint8 (H, W, 3)."""
        found = self._detector.detectEdges(np.ascontiguousarray(image, np.float32) / 255)
        return np.clip(found, 0, 1).astype(np.float32)
