"""The numbers of thesis tables 5.1 to 5.5 for the networks of this room: recalls in percent."""

from __future__ import annotations

from kzoo.system import PublishedResult

FLICKR, COCO = "flickr30k", "mscoco"
AT_1_AND_5 = ("i2t_r@1", "i2t_r@5", "t2i_r@1", "t2i_r@5")
AT_1_5_AND_10 = ("i2t_r@1", "i2t_r@5", "i2t_r@10", "t2i_r@1", "t2i_r@5", "t2i_r@10")
WAYS = {"i2t": "Image to Text", "t2i": "Text to Image"}

_BASELINE, _THREE_STEPS = (45.0, 75.5, 33.6, 66.5), (47.6, 77.4, 35.4, 68.3)

# (table, row, data, metrics, values) by model; the ensembles are of models with other T, seen from `rrfnet`.
_ROWS = {
    "rrfnet_baseline": (
        ("5.1", "Baseline", FLICKR, AT_1_AND_5, _BASELINE),
        ("5.3", "Baseline, bi-directional", FLICKR, AT_1_AND_5, (43.4, 73.8, 32.5, 65.4)),
        ("5.3", "Baseline, bi-rank", FLICKR, AT_1_AND_5, _BASELINE),
    ),
    "rrfnet": (
        ("5.1", "RRF-Net, T=1", FLICKR, AT_1_AND_5, (46.4, 76.1, 34.3, 67.3)),
        ("5.1", "RRF-Net, T=2", FLICKR, AT_1_AND_5, (46.9, 76.8, 34.8, 67.7)),
        ("5.1", "RRF-Net, T=3", FLICKR, AT_1_AND_5, _THREE_STEPS),
        ("5.1", "RRF-Net, T=4", FLICKR, AT_1_AND_5, (46.2, 76.6, 35.1, 67.6)),
        ("5.2", "RRF-Net w/o fusion module", FLICKR, AT_1_AND_5, (45.8, 75.9, 34.2, 67.1)),
        ("5.2", "RRF-Net with sum fusion", FLICKR, AT_1_AND_5, (47.1, 76.8, 35.0, 67.6)),
        ("5.2", "RRF-Net with conv fusion", FLICKR, AT_1_AND_5, _THREE_STEPS),
        ("5.3", "RRF-Net, bi-directional", FLICKR, AT_1_AND_5, (46.4, 76.5, 34.1, 67.4)),
        ("5.3", "RRF-Net, bi-rank", FLICKR, AT_1_AND_5, _THREE_STEPS),
        ("5.4", "RRF-Net", FLICKR, AT_1_5_AND_10, (47.6, 77.4, 87.1, 35.4, 68.3, 79.9)),
        ("5.4", "RRF-Net", COCO, AT_1_5_AND_10, (56.4, 85.3, 91.5, 43.9, 78.1, 88.6)),
        ("5.5", "RRF-Net, M={3}", FLICKR, AT_1_AND_5, _THREE_STEPS),
        ("5.5", "RRF-Net, M={1, 3}", FLICKR, AT_1_AND_5, (49.1, 78.4, 36.8, 69.8)),
        ("5.5", "RRF-Net, M={1, 2, 3}", FLICKR, AT_1_AND_5, (50.3, 79.2, 37.4, 70.4)),
        ("5.5", "RRF-Net, M={1, 2, 3, 4}", FLICKR, AT_1_AND_5, (50.8, 79.5, 37.6, 70.9)),
    ),
}


def published(system: str) -> tuple[PublishedResult, ...]:
    """Return what the thesis prints for a registered model, one entry a cell."""
    return tuple(
        PublishedResult(table, row, _column(metric), value, metric, system, data)
        for table, row, data, metrics, values in _ROWS[system]
        for metric, value in zip(metrics, values, strict=True)
    )


def _column(metric: str) -> str:
    way, recall = metric.split("_")
    return f"{WAYS[way]} {recall.upper()}"
