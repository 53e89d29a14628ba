"""A forest in OpenCV's form that says "an edge across" wherever the gradient is strong."""

from __future__ import annotations

from pathlib import Path

import cv2

TREES, INNER, SHRUNK, CENTRE = 4, 16, 16, 8
SETTINGS = {
    "numberOfTrees": TREES,
    "numberOfTreesToEvaluate": 2,
    "selfsimilarityGridSize": 5,
    "stride": 2,
    "shrinkNumber": 2,
    "patchSize": 32,
    "patchInnerSize": INNER,
    "numberOfGradientOrientations": 4,
    "gradientSmoothingRadius": 0,
    "regFeatureSmoothingRadius": 2,
    "ssFeatureSmoothingRadius": 8,
    "gradientNormalizationRadius": 4,
}
GRADIENT = 3 * SHRUNK * SHRUNK + CENTRE * SHRUNK + CENTRE  # after three channels of colour, at the centre


def write_forest(path: Path) -> None:
    """Each tree asks whether the gradient is below a threshold: nothing then, else the middle row."""
    row = [CENTRE * INNER + column for column in range(INNER)]
    parts = {
        "childs": [2, 0, 0] * TREES,
        "featureIds": [GRADIENT, 0, 0] * TREES,
        "thresholds": [0.05, 0.0, 0.0] * TREES,
        "edgeBoundaries": [*(INNER * tree for tree in range(TREES) for _ in range(3)), INNER * TREES],
        "edgeBins": row * TREES,
    }
    file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    file.startWriteStruct("options", cv2.FileNode_MAP)
    for name, value in SETTINGS.items():
        file.write(name, value)
    file.endWriteStruct()
    for name, values in parts.items():
        file.startWriteStruct(name, cv2.FileNode_SEQ)
        for value in values:
            file.write("", value)
        file.endWriteStruct()
    file.release()
