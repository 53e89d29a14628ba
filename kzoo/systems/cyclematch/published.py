"""The numbers of thesis tables 6.2 to 6.6 for the networks of this room: recalls in percent."""

from __future__ import annotations

from kzoo.system import PublishedResult

FLICKR, COCO = "flickr30k", "mscoco"
METRICS = ("i2t_r@1", "i2t_r@5", "i2t_r@10", "t2i_r@1", "t2i_r@5", "t2i_r@10")
WAYS = {"i2t": "Image to Text", "t2i": "Text to Image"}

Recalls = tuple[float, float, float, float, float, float]

_AVERAGE_FLICKR, _AVERAGE_COCO = (57.8, 83.3, 90.9, 43.2, 74.8, 83.8), (60.5, 86.3, 93.7, 47.2, 80.3, 90.4)
_BEST_FLICKR, _BEST_COCO = (58.6, 83.6, 91.6, 43.6, 75.3, 84.2), (61.1, 86.8, 94.2, 47.9, 80.9, 90.9)
_VGG_FLICKR, _VGG_COCO = (51.4, 80.6, 88.1, 38.5, 71.0, 81.3), (55.1, 83.5, 91.3, 43.7, 76.7, 88.4)
_WORD2VEC_FLICKR, _WORD2VEC_COCO = (48.1, 78.7, 87.4, 37.7, 70.8, 81.1), (55.9, 83.8, 91.8, 44.7, 79.1, 87.7)
_HGLMM_FLICKR, _HGLMM_COCO = (54.5, 81.6, 90.9, 41.3, 73.1, 82.8), (58.4, 85.5, 93.4, 46.2, 80.3, 89.4)

_TABLE_6_2: dict[str, tuple[str, Recalls, Recalls]] = {
    "latentmatch": (
        "LatentMatch",
        (49.7, 77.4, 85.0, 37.8, 69.8, 80.6),
        (53.9, 82.9, 90.8, 43.0, 75.8, 85.9),
    ),
    "dualmatch": ("DualMatch", (53.4, 80.5, 87.1, 40.1, 70.9, 81.0), (56.3, 83.5, 91.5, 45.5, 76.7, 87.5)),
    "cyclematch_no_latent": (
        "CycleMatch(w/o latent)",
        (56.8, 81.7, 90.3, 41.1, 72.5, 81.3),
        (58.5, 84.0, 92.4, 46.9, 78.3, 88.7),
    ),
    "cyclematch_i2t2i": (
        "CycleMatch(I2T2I)",
        (57.0, 82.4, 91.0, 42.4, 73.6, 82.0),
        (61.1, 85.5, 93.1, 46.3, 79.3, 89.0),
    ),
    "cyclematch_t2i2t": (
        "CycleMatch(T2I2T)",
        (56.4, 81.9, 90.6, 43.2, 74.3, 82.6),
        (59.7, 84.7, 92.6, 47.6, 79.7, 89.6),
    ),
    "cyclematch": ("CycleMatch", _AVERAGE_FLICKR, _AVERAGE_COCO),
}

# Rows of the full model: (table, row, on Flickr30K, on MSCOCO).
_OTHER_TABLES: tuple[tuple[str, str, Recalls | None, Recalls | None], ...] = (
    (
        "6.3",
        "One-score, without fusion",
        (54.8, 82.6, 90.1, 40.1, 70.9, 81.0),
        (58.6, 85.5, 92.6, 45.5, 78.3, 88.7),
    ),
    ("6.3", "Two-score, average fusion", _AVERAGE_FLICKR, _AVERAGE_COCO),
    ("6.3", "Two-score, adaptive fusion", _BEST_FLICKR, _BEST_COCO),
    (
        "6.3",
        "Three-score, average fusion",
        (57.4, 83.5, 91.0, 43.2, 74.7, 83.9),
        (59.7, 86.0, 94.0, 46.9, 80.6, 89.8),
    ),
    (
        "6.3",
        "Three-score, adaptive fusion",
        (57.8, 83.8, 91.2, 43.5, 74.7, 84.0),
        (61.0, 86.4, 94.5, 47.8, 81.0, 90.7),
    ),
    ("6.4", "CycleMatch (Ours), VGG-19, RNN", _VGG_FLICKR, None),
    ("6.4", "CycleMatch (Ours), ResNet-152, RNN", _BEST_FLICKR, None),
    ("6.5", "CycleMatch (Ours), VGG-19, RNN", None, _VGG_COCO),
    ("6.5", "CycleMatch (Ours), ResNet-152, RNN", None, _BEST_COCO),
    ("6.6", "VGG-19, RNN", _VGG_FLICKR, _VGG_COCO),
    ("6.6", "ResNet-152, word2vec", _WORD2VEC_FLICKR, _WORD2VEC_COCO),
    ("6.6", "ResNet-152, HGLMM", _HGLMM_FLICKR, _HGLMM_COCO),
    ("6.6", "ResNet-152, RNN", _BEST_FLICKR, _BEST_COCO),
)


def published(system: str) -> tuple[PublishedResult, ...]:
    """Return what the thesis prints for a registered model, one entry a cell."""
    row, flickr, coco = _TABLE_6_2[system]
    rows = [("6.2", row, flickr, coco), *(_OTHER_TABLES if system == "cyclematch" else ())]
    return tuple(
        PublishedResult(table, row, _column(metric), value, metric, system, data)
        for table, row, *by_data in rows
        for data, values in zip((FLICKR, COCO), by_data, strict=True)
        if values is not None
        for metric, value in zip(METRICS, values, strict=True)
    )


def _column(metric: str) -> str:
    way, recall = metric.split("_")
    return f"{WAYS[way]} {recall.upper()}"
