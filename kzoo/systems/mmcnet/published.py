"""The numbers of thesis tables 7.2 to 7.9 for the networks of this room, in percent."""

from __future__ import annotations

from collections.abc import Iterator

from kzoo.system import PublishedResult

PASCAL, COCO, FLOWERS, CUB = "pascal_sentence", "mscoco", "flowers_captions", "cub_captions"
HEADINGS = {PASCAL: "Pascal Sentence", COCO: "MSCOCO", FLOWERS: "Flowers", CUB: "CUB-Bird"}
DEPTHS = (1, 5, 10)
WAYS = {"i2t": "Image to Text", "t2i": "Text to Image"}

Row = tuple[float, ...]

# Of each model: R@1, 5, 10 on the four data sets in turn.
_IMAGE_TO_TEXT: dict[str, tuple[str, Row]] = {
    "mmnet": ("MM-Net", (47.0, 85.0, 92.0, 55.5, 84.2, 91.4, 58.1, 82.5, 88.5, 32.5, 61.4, 72.5)),
    "mmcnet": ("MMC-Net", (52.0, 87.0, 93.0, 57.0, 85.8, 92.7, 78.7, 93.9, 96.0, 39.2, 66.9, 76.4)),
}
_TEXT_TO_IMAGE: dict[str, tuple[str, Row]] = {
    "mmnet": ("MM-Net", (38.4, 80.6, 88.6, 44.7, 79.5, 89.5, 32.7, 46.4, 52.9, 18.3, 25.6, 28.8)),
    "mmcnet": ("MMC-Net", (41.0, 81.2, 92.5, 46.2, 80.8, 90.5, 43.6, 54.8, 58.6, 25.8, 31.4, 34.5)),
}
_CLASSIFICATION: dict[str, tuple[str, Row]] = {
    "mcnet": ("MC-Net", (71.0, 77.6, 94.0, 80.7)),
    "mmcnet": ("MMC-Net", (74.0, 79.3, 95.2, 82.4)),
}

# (table, row, data, R@1, 5, 10 from image to text and then from text to image).
_RECALLS: dict[str, tuple[tuple[str, str, str, Row], ...]] = {
    "mcnet": (),
    "mmnet": (
        ("7.6", "MM-Net, No", PASCAL, (45.0, 82.0, 91.0, 35.6, 75.8, 87.0)),
        ("7.6", "MM-Net, Sum", PASCAL, (46.0, 83.0, 91.0, 36.8, 77.6, 87.6)),
        ("7.6", "MM-Net, Multiplication", PASCAL, (46.0, 84.0, 91.0, 37.2, 78.4, 87.6)),
        ("7.6", "MM-Net, Convolution", PASCAL, (47.0, 85.0, 92.0, 38.4, 80.6, 88.6)),
    ),
    "mmcnet": (
        ("7.5", "batch size=100", COCO, (42.5, 74.6, 87.4, 36.6, 73.8, 86.8)),
        ("7.5", "batch size=250", COCO, (52.6, 83.3, 91.7, 43.0, 79.5, 89.4)),
        ("7.5", "batch size=500", COCO, (56.6, 85.3, 92.7, 46.0, 80.5, 90.1)),
        ("7.5", "batch size=1000", COCO, (56.2, 85.8, 93.0, 46.5, 80.5, 90.1)),
        ("7.5", "batch size=1500", COCO, (57.0, 85.8, 92.7, 46.2, 80.8, 90.5)),
        ("7.5", "batch size=2000", COCO, (56.7, 85.5, 92.8, 46.7, 80.6, 90.4)),
        ("7.6", "MMC-Net, No", PASCAL, (51.0, 85.0, 92.0, 37.6, 80.6, 92.0)),
        ("7.6", "MMC-Net, Sum", PASCAL, (51.0, 86.0, 92.0, 38.4, 81.0, 92.0)),
        ("7.6", "MMC-Net, Multiplication", PASCAL, (51.0, 86.0, 92.0, 39.0, 81.0, 92.0)),
        ("7.6", "MMC-Net, Convolution", PASCAL, (52.0, 87.0, 93.0, 41.0, 81.2, 92.5)),
        ("7.7", "MMC-Net with FC", PASCAL, (50.0, 86.0, 92.0, 39.6, 80.4, 90.0)),
        ("7.7", "MMC-Net with BP", PASCAL, (53.0, 88.0, 93.0, 41.5, 81.5, 92.5)),
        ("7.7", "MMC-Net with CBP", PASCAL, (52.0, 87.0, 93.0, 41.0, 81.2, 92.5)),
        ("7.9", "MMC-Net, VGG-19", COCO, (46.0, 79.7, 89.2, 38.9, 73.5, 87.5)),
        ("7.9", "MMC-Net, ResNet-152", COCO, (57.0, 85.8, 92.7, 46.2, 80.8, 90.5)),
    ),
}

# Table 7.8: accuracy on Flowers and CUB.
_MODALITIES: dict[str, tuple[str, Row]] = {
    "mcnet": ("Only Vision", (92.2, 78.8)),
    "mmcnet": ("Vision and Language", (95.2, 82.4)),
}


def published(system: str) -> tuple[PublishedResult, ...]:
    """Return what the thesis prints for a registered model, one entry a cell."""
    return (*_retrieval(system), *_classification(system))


def _retrieval(system: str) -> Iterator[PublishedResult]:
    for table, way, rows in (("7.2", "i2t", _IMAGE_TO_TEXT), ("7.3", "t2i", _TEXT_TO_IMAGE)):
        if system in rows:
            row, values = rows[system]
            cells = ((data, depth) for data in HEADINGS for depth in DEPTHS)
            for (data, depth), value in zip(cells, values, strict=True):
                column = f"{HEADINGS[data]} R@{depth}"
                yield PublishedResult(table, row, column, value, f"{way}_r@{depth}", system, data)
    for table, row, data, values in _RECALLS[system]:
        both = ((way, depth) for way in WAYS for depth in DEPTHS)
        for (way, depth), value in zip(both, values, strict=True):
            column = f"{WAYS[way]} R@{depth}"
            yield PublishedResult(table, row, column, value, f"{way}_r@{depth}", system, data)


def _classification(system: str) -> Iterator[PublishedResult]:
    if system in _CLASSIFICATION:
        row, values = _CLASSIFICATION[system]
        for data, value in zip(HEADINGS, values, strict=True):
            metric = "average_precision" if data == COCO else "accuracy"
            yield PublishedResult("7.4", row, HEADINGS[data], value, metric, system, data)
    if system in _MODALITIES:
        row, values = _MODALITIES[system]
        for data, value in zip((FLOWERS, CUB), values, strict=True):
            yield PublishedResult("7.8", row, HEADINGS[data], value, "accuracy", system, data)
