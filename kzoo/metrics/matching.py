"""Retrieval of texts by images and of images by texts: recalls, ranks and average precision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kzoo.errors import UsageError

Similarity = Callable[[slice], np.ndarray]

DEPTHS = (1, 5, 10)
CHUNK = 512


def measures(similarity: np.ndarray | Similarity, image_index: np.ndarray) -> dict[str, float]:
    """Return the thesis's recalls and the usual ranks, both ways.

    Args:
        similarity: (N, M), of N images and M captions, higher is nearer; or a function from a slice of images
            to their rows, where the whole would be too large.
        image_index: int (M,), the image of each caption; each image has one caption or more.

    Returns:
        i2t_r@1, @5 and @10: percent of images one of whose captions is among the first K captions; t2i_r@1,
        @5 and @10: percent of captions whose image is among the first K images; i2t_ and t2i_median_rank
        (from 1) and mean_reciprocal_rank (0 to 1); r_sum, the sum of the six recalls.

    Raises:
        UsageError: if shapes do not fit, an image has no caption, or a similarity is NaN.
    """
    image_ranks, caption_ranks = ranks(similarity, image_index)
    found = {}
    for way, found_ranks in (("i2t", image_ranks), ("t2i", caption_ranks)):
        for depth in DEPTHS:
            found[f"{way}_r@{depth}"] = 100 * float(np.mean(found_ranks < depth))
        found[f"{way}_median_rank"] = float(np.median(found_ranks + 1))
        found[f"{way}_mean_reciprocal_rank"] = float(np.mean(1 / (found_ranks + 1)))
    found["r_sum"] = sum(found[f"{way}_r@{depth}"] for way in ("i2t", "t2i") for depth in DEPTHS)
    return found


def measures_of_both_ways(
    image_to_text: np.ndarray, text_to_image: np.ndarray, image_index: np.ndarray
) -> dict[str, float]:
    """Return `measures` where a query's similarities depend on what it is: both (N, M)."""
    found = measures(image_to_text, image_index)
    found |= {
        name: value for name, value in measures(text_to_image, image_index).items() if name.startswith("t2i")
    }
    found["r_sum"] = sum(value for name, value in found.items() if "_r@" in name)
    return found


def ranks(
    similarity: np.ndarray | Similarity, image_index: np.ndarray, *, chunk: int = CHUNK
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rank of each image's first caption and of each caption's image, counted from 0.

    Of equal similarities the lower index goes first. Images are taken `chunk` at a time.

    Returns:
        int64 (N,) and int64 (M,).

    Raises:
        UsageError: as `measures`.
    """
    images = int(image_index.max()) + 1 if len(image_index) else 0
    if np.bincount(image_index, minlength=images).min(initial=1) == 0 or not images:
        raise UsageError("expected one caption or more of each image, counted from 0 without a gap")
    rows = _rows(similarity, images, len(image_index))
    slices = [slice(start, min(start + chunk, images)) for start in range(0, images, chunk)]
    captions = np.arange(len(image_index))
    own = np.empty(len(image_index), np.float64)
    image_ranks = np.empty(images, np.int64)
    for part in slices:
        values = rows(part)
        mine = (image_index >= part.start) & (image_index < part.stop)
        own[mine] = values[image_index[mine] - part.start, captions[mine]]
        image_ranks[part] = _ranks_of_first_captions(values, image_index, part)
    caption_ranks = np.zeros(len(image_index), np.int64)
    for part in slices:
        values = rows(part)
        numbers = np.arange(part.start, part.stop)[:, None]
        before = (values > own) | ((values == own) & (numbers < image_index))
        caption_ranks += before.sum(axis=0)
    return image_ranks, caption_ranks


def average_precision(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the average precision of each class over the examples, float64 (C,); NaN without a positive.

    Args:
        scores: (N, C), higher is surer; of equal ones the lower index goes first.
        labels: (N, C), above 0 for positives.
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    hits = np.take_along_axis(labels > 0, order, axis=0)
    precision = np.cumsum(hits, axis=0) / np.arange(1, len(scores) + 1)[:, None]
    with np.errstate(invalid="ignore"):
        return (precision * hits).sum(axis=0) / hits.sum(axis=0)


def _ranks_of_first_captions(values: np.ndarray, image_index: np.ndarray, part: slice) -> np.ndarray:
    found = np.empty(part.stop - part.start, np.int64)
    captions = np.arange(len(image_index))
    for row, image in enumerate(range(part.start, part.stop)):
        mine = captions[image_index == image]
        best = mine[values[row, mine].argmax()]
        value = values[row, best]
        found[row] = np.sum(values[row] > value) + np.sum(values[row, :best] == value)
    return found


def _rows(similarity: np.ndarray | Similarity, images: int, captions: int) -> Similarity:
    def checked(part: slice) -> np.ndarray:
        values = np.asarray(similarity(part) if callable(similarity) else similarity[part])
        expected = (part.stop - part.start, captions)
        if values.shape != expected or np.isnan(values).any():
            raise UsageError(
                f"expected similarities {expected} that are numbers; received {values.shape}, "
                f"{int(np.isnan(values).sum())} of them NaN"
            )
        return values

    if not callable(similarity) and similarity.shape != (images, captions):
        raise UsageError(f"expected similarity ({images}, {captions}); received {similarity.shape}")
    return checked
