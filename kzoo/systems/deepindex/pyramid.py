"""The spatial pyramid of thesis section 4.2.1: 14 patches an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kzoo.errors import DataError

LEVELS = (1, 2, 3)
PATCHES = sum(level * level for level in LEVELS)


def patch_boxes(height: int, width: int, levels: Sequence[int] = LEVELS) -> npt.NDArray[np.int64]:
    """Return the boxes of the pyramid's patches: level by level, in each from the top left, row by row.

    Patches of one level do not overlap and cover the image; where a side is not a multiple of the level they
    differ by one pixel.

    Args:
        height, width: of the image, in pixels.
        levels: patches along each side, a level each.

    Returns:
        int64 (P, 4): top, left, bottom, right; the last two exclusive.

    Raises:
        DataError: if a side has fewer pixels than the finest level has patches.
    """
    finest = max(levels)
    if min(height, width) < finest:
        raise DataError(
            f"an image of {height} x {width} pixels cannot be divided into {finest} x {finest} patches"
        )
    boxes = []
    for level in levels:
        rows, columns = (np.arange(level + 1) * side // level for side in (height, width))
        boxes += [
            (rows[row], columns[column], rows[row + 1], columns[column + 1])
            for row in range(level)
            for column in range(level)
        ]
    return np.array(boxes, np.int64)


def pyramid(image: npt.NDArray[np.uint8], levels: Sequence[int] = LEVELS) -> list[npt.NDArray[np.uint8]]:
    """Return the patches of an image, uint8 (H, W, 3), as views of it, in the order of `patch_boxes`.

    Raises:
        DataError: if the image is of another form, or too small.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise DataError(f"expected an image uint8 (H, W, 3); received {image.dtype} {image.shape}")
    return [
        image[top:bottom, left:right]
        for top, left, bottom, right in patch_boxes(image.shape[0], image.shape[1], levels)
    ]
