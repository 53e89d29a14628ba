from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kzoo.errors import UsageError
from kzoo.metrics.segmentation import (
    class_accuracy,
    class_iou,
    confusion_matrix,
    mean_iou,
    pixel_accuracy,
)

LABELS = np.array([[0, 0, 0, 1], [1, 1, 255, 2]], np.uint8)
FOUND = np.array([[0, 0, 1, 1], [1, 0, 2, 1]], np.int64)
CONFUSION = np.array([[2, 1, 0, 0], [1, 2, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])


def test_by_hand() -> None:
    confusion = confusion_matrix(LABELS, FOUND, 4)
    np.testing.assert_array_equal(confusion, CONFUSION)
    assert pixel_accuracy(confusion) == pytest.approx(4 / 7)
    assert class_accuracy(confusion) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    np.testing.assert_allclose(class_iou(confusion), [2 / 4, 2 / 5, 0, np.nan])
    assert mean_iou(confusion) == pytest.approx((2 / 4 + 2 / 5 + 0) / 3)


@given(arrays(np.uint8, (5, 6), elements=st.integers(0, 3)))
def test_a_perfect_map_has_all_measures_1(labels: np.ndarray) -> None:
    confusion = confusion_matrix(labels, labels.astype(np.int64), 4)
    assert pixel_accuracy(confusion) == class_accuracy(confusion) == mean_iou(confusion) == 1
    assert confusion.sum() == labels.size


def test_wrong_maps_are_named() -> None:
    with pytest.raises(UsageError, match=r"\(2, 4\), \(4, 2\)"):
        confusion_matrix(LABELS, FOUND.T, 4)
    with pytest.raises(UsageError, match="label 2 is no class; expected 0 to 1"):
        confusion_matrix(LABELS, FOUND, 2)
    with pytest.raises(UsageError, match="prediction 2"):
        confusion_matrix(np.zeros_like(LABELS), FOUND, 2)
