"""The numbers of thesis table 8.1: FCN scores of photographs made from label maps."""

from __future__ import annotations

from kzoo.system import PublishedResult

MEASURES = {
    "pixel_accuracy_b": "Per-pixel acc.",
    "class_accuracy_b": "Per-class acc.",
    "class_iou_b": "Class IOU",
}
_ROWS = {
    "gan": ("GAN", (0.32, 0.12, 0.07), (0.50, 0.11, 0.07)),
    "cyclegan": ("Vanilla CycleGAN", (0.35, 0.15, 0.10), (0.51, 0.17, 0.12)),
    "long_cyclegan": ("Long CycleGAN", (0.43, 0.19, 0.13), (0.54, 0.18, 0.13)),
    "nest_cyclegan": ("Nest CycleGAN", (0.49, 0.22, 0.15), (0.57, 0.20, 0.14)),
}
_DATA = {"cmp_facade": "CMP-Facade", "cityscapes": "Cityscapes"}


def published(system: str) -> tuple[PublishedResult, ...]:
    """Return what the thesis prints for a registered model, one entry a cell."""
    row, *cells = _ROWS[system]
    return tuple(
        PublishedResult("8.1", row, f"{printed}, {MEASURES[metric]}", value, metric, system, data)
        for (data, printed), values in zip(_DATA.items(), cells, strict=True)
        for metric, value in zip(MEASURES, values, strict=True)
    )
