"""The numbers of thesis tables 8.2 and 8.3: inception scores, and how like the condition it is restored."""

from __future__ import annotations

from kzoo.system import PublishedResult

DATA = "deepfashion_inshop"
COLUMNS = {
    "inception_score_reference": "IS-reference",
    "inception_score_condition": "IS-condition",
    "ssim_condition": "SSIM",
}
_ROWS: dict[str, tuple[str, tuple[float | None, ...]]] = {
    "swapgan_g1_g3": ("Generator I&III", (2.47, None, None)),
    "swapgan_g1_g2": ("Generator I&II", (2.36, 2.66, 0.708)),
    "swapgan": ("Full Model", (2.65, 2.85, 0.717)),
}


def published(system: str) -> tuple[PublishedResult, ...]:
    """Return what the thesis prints for a registered model, one entry a cell."""
    row, values = _ROWS[system]
    found = [
        PublishedResult("8.3", row, COLUMNS[metric], value, metric, system, DATA)
        for metric, value in zip(COLUMNS, values, strict=True)
        if value is not None
    ]
    if system == "swapgan":
        metric = "inception_score_reference"
        found.append(PublishedResult("8.2", "SwapGAN", "Inception score", 2.65, metric, system, DATA))
    return tuple(found)
