"""What Cityscapes' labels mean (Cordts et al. 2016); TFDS has the builder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ARCHIVES = ("leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip")
INSTRUCTIONS = (
    f"register at https://www.cityscapes-dataset.com, download {' and '.join(ARCHIVES)}, and put both there"
)
IGNORED = 255
LABELS: Mapping[str, int] = {
    "road": 7, "sidewalk": 8, "building": 11, "wall": 12, "fence": 13, "pole": 17, "traffic light": 19,
    "traffic sign": 20, "vegetation": 21, "terrain": 22, "sky": 23, "person": 24, "rider": 25, "car": 26,
    "truck": 27, "bus": 28, "train": 31, "motorcycle": 32, "bicycle": 33,
}  # fmt: skip
"""The 19 classes that count, and their ids in files named _labelIds.png."""

COLORS: Mapping[str, tuple[int, int, int]] = {
    "road": (128, 64, 128), "sidewalk": (244, 35, 232), "building": (70, 70, 70), "wall": (102, 102, 156),
    "fence": (190, 153, 153), "pole": (153, 153, 153), "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0), "vegetation": (107, 142, 35), "terrain": (152, 251, 152),
    "sky": (70, 130, 180), "person": (220, 20, 60), "rider": (255, 0, 0), "car": (0, 0, 142),
    "truck": (0, 0, 70), "bus": (0, 60, 100), "train": (0, 80, 100), "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}  # fmt: skip


def class_of_label() -> np.ndarray:
    """Return, uint8 (256,), the class of each id, 255 for those that count for nothing."""
    import numpy as np

    table = np.full(256, IGNORED, np.uint8)
    table[list(LABELS.values())] = range(len(LABELS))
    return table
