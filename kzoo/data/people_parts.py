"""Parsings of persons: 20 classes of Look into Person, their five groups, and the masks made of them.

Section 8.2.2: the segmentation map has the five groups, the mask map is any of them, the head map is face
and hair.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kzoo.errors import DataError

PARTS = (
    "background",
    "hat",
    "hair",
    "glove",
    "sunglasses",
    "upper-clothes",
    "dress",
    "coat",
    "socks",
    "pants",
    "jumpsuits",
    "scarf",
    "skirt",
    "face",
    "left-arm",
    "right-arm",
    "left-leg",
    "right-leg",
    "left-shoe",
    "right-shoe",
)
"""The classes of Look into Person (Gong et al. 2017), in its order; left and right are the person's own."""

SEGMENTS = {
    "head": ("hat", "hair", "sunglasses", "face"),
    "arms": ("glove", "left-arm", "right-arm"),
    "legs": ("socks", "left-leg", "right-leg", "left-shoe", "right-shoe"),
    "upper clothes": ("upper-clothes", "dress", "coat", "jumpsuits", "scarf"),
    "lower clothes": ("pants", "skirt"),
}
HEAD = ("hair", "face")


def part_table(groups: Any) -> np.ndarray:
    """Return which classes are in which group, float32 (20, groups), 0 or 1.

    Args:
        groups: names of parts, one collection a group.
    """
    return np.array([[part in group for group in groups] for part in PARTS], np.float32)


SEGMENT_TABLE = part_table(SEGMENTS.values())
MASK_TABLE = SEGMENT_TABLE.sum(axis=1, keepdims=True)
HEAD_TABLE = part_table([HEAD])


def read_parsing(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Read a parsing PNG: a grey or palette image whose pixel values are classes.

    Args:
        size: (height, width) of the picture that it parses.

    Returns:
        uint8 (height, width), indices of PARTS.

    Raises:
        DataError: if it is missing, no such image, of another size than its picture, or has other classes.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            mode, pixels = image.mode, np.asarray(image)
    except FileNotFoundError as error:
        raise DataError(f"there is no parsing {path}; expected a PNG of classes 0 to 19") from error
    except (OSError, SyntaxError) as error:
        raise DataError(f"{path} cannot be decoded: {error}") from error
    if mode not in ("L", "P"):
        raise DataError(f"{path} is an image of mode {mode}; expected grey or palette, a class a pixel")
    if pixels.shape != size:
        raise DataError(
            f"{path} is {pixels.shape[1]}x{pixels.shape[0]} pixels, its picture {size[1]}x{size[0]}"
        )
    if pixels.max(initial=0) >= len(PARTS):
        raise DataError(f"{path} has the class {pixels.max()}; expected 0 to {len(PARTS) - 1}")
    return pixels.astype(np.uint8)
