from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kzoo.data.segment_batches import IGNORED, SegmentExamples, segment_batches
from kzoo.errors import DataError, UsageError

CLASSES = ("background", "leaf", "stem")
GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(0, 3, (5, 12, 10), np.uint8)
IDS = np.array(["a", "b", "c", "d", "e"])


def examples() -> SegmentExamples:
    """Pictures whose pixels tell their labels: 80 times the label, and 10 more."""
    return SegmentExamples(np.repeat(LABELS[..., None] * 80 + 10, 3, axis=-1), LABELS, CLASSES, IDS)


@pytest.mark.parametrize("options", [{}, {"augmentation": "pad_crop_flip", "padding": 3}])
def test_image_and_label_map_are_cropped_and_flipped_alike(options: dict[str, Any]) -> None:
    for x, y in segment_batches(examples(), batch_size=4, seed=1, **options).take(6):
        image, labels = x["image"].numpy(), y["labels"].numpy()
        assert (image.dtype, image.shape) == (np.float32, (4, 12, 10, 3))
        assert (labels.dtype, labels.shape) == (np.uint8, (4, 12, 10))
        inside = labels != IGNORED
        np.testing.assert_array_equal(image[inside], np.repeat(labels[inside][:, None] * 80.0 + 10, 3, 1))
        assert not np.any(image[~inside])
        assert inside.all() == (not options)


def test_scaled_up_and_cropped_labels_stay_classes() -> None:
    stream = segment_batches(examples(), batch_size=4, seed=1, augmentation="random_crop_flip", resize=24)
    x, y = next(iter(stream))
    assert x["image"].shape == (4, 12, 10, 3)
    assert set(np.unique(y["labels"])) <= {0, 1, 2}
    with pytest.raises(UsageError, match="12 or more"):
        segment_batches(examples(), batch_size=4, seed=1, augmentation="random_crop_flip", resize=11)


def test_batches_begin_at_any_step() -> None:
    options = {"batch_size": 2, "seed": 3, "augmentation": "pad_crop_flip"}
    whole = list(segment_batches(examples(), **options).take(5))
    rest = list(segment_batches(examples(), **options, first_step=3).take(2))
    for (x, y), (again_x, again_y) in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(x["image"], again_x["image"])
        np.testing.assert_array_equal(y["labels"], again_y["labels"])


def test_what_is_no_label_map_is_named() -> None:
    good = examples()
    with pytest.raises(DataError, match=r"label maps uint8 \(5, 10, 12\)"):
        SegmentExamples(good.images, good.labels.transpose(0, 2, 1), CLASSES, IDS)
    wrong = good.labels.copy()
    wrong[2, 3, 4] = 3
    with pytest.raises(DataError, match="'c' has label 3; expected 0 to 2"):
        SegmentExamples(good.images, wrong, CLASSES, IDS)
    wrong[2, 3, 4] = IGNORED
    assert len(SegmentExamples(good.images, wrong, CLASSES, IDS)) == 5
    with pytest.raises(DataError, match=r"uint8 images \(N, H, W, 3\), one or more"):
        SegmentExamples(good.images[:0], good.labels[:0], CLASSES, IDS[:0])
