"""Edges traced along the borders of segments (thesis section 3.3: CEA, coarse edge annotations)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kzoo.errors import DataError


def segment_edges(labels: npt.NDArray[np.integer], ignored: int | None = None) -> npt.NDArray[np.bool_]:
    """Return the pixels whose right, lower or lower right neighbour lies in another segment.

    Lines are one pixel wide but for corners, as the boundaries of BSDS500 are made from its segments.

    Args:
        labels: whole numbers (H, W), one a segment or class.
        ignored: a label of no segment, as 255 on the borders of objects in VOC; its pixels are first given
            to the nearest segment, so that a border of some width becomes one line. None where there is none.

    Returns:
        bool (H, W).

    Raises:
        DataError: if the map has another number of axes or no whole numbers, or every pixel is ignored.
    """
    if labels.ndim != 2 or labels.dtype.kind not in "bui":
        raise DataError(f"a label map is whole numbers (H, W); received {labels.dtype} {labels.shape}")
    if ignored is not None:
        labels = _filled(labels, labels == ignored)
    padded = np.pad(labels, ((0, 1), (0, 1)), mode="edge")
    neighbours = (padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:])
    return np.any([labels != one for one in neighbours], axis=0)


def _filled(labels: npt.NDArray[np.integer], empty: npt.NDArray[np.bool_]) -> npt.NDArray[np.integer]:
    from scipy.ndimage import distance_transform_edt

    if empty.all():
        raise DataError(f"a label map of {labels.shape} holds nothing but ignored pixels")
    if not empty.any():
        return labels
    rows, columns = distance_transform_edt(empty, return_distances=False, return_indices=True)
    return np.asarray(labels[rows, columns])
