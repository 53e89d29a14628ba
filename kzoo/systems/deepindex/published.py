"""The numbers of thesis tables 4.1 to 4.4 for DeepIndex: mAP in percent, N-S from 0 to 4, KB, seconds."""

from __future__ import annotations

from collections.abc import Iterator

from kzoo.system import PublishedResult
from kzoo.systems.deepindex.recipes import SETTINGS

HEADINGS = {"holidays": "Holidays", "paris6k": "Paris", "ukbench": "UKB"}

# Table 4.1: multiple assignment 1, 3, 5 on Holidays; 1, 5, 10 on Paris; 1, 5, 10 on UKB.
_ASSIGNMENTS: dict[str, tuple[float, ...]] = {
    "6": (71.73, 73.54, 72.01, 40.94, 56.89, 65.21, 2.90, 3.03, 3.02),
    "7": (72.34, 74.90, 73.58, 41.24, 57.45, 65.78, 3.05, 3.12, 3.04),
    "17": (73.02, 73.22, 72.62, 44.87, 61.01, 70.24, 3.16, 3.19, 3.15),
    "18": (76.31, 76.72, 75.63, 45.03, 61.23, 71.33, 3.21, 3.25, 3.19),
    "6+7": (72.00, 78.88, 77.17, 29.35, 62.89, 71.20, 3.02, 3.13, 3.05),
    "17+18": (75.75, 79.96, 79.34, 32.28, 63.29, 71.69, 3.16, 3.25, 3.26),
    "7+17": (74.01, 80.53, 80.20, 33.45, 64.12, 73.24, 3.21, 3.25, 3.19),
    "6+17": (73.32, 81.62, 81.15, 33.95, 65.08, 74.35, 3.22, 3.26, 3.22),
    "7+18": (74.66, 81.23, 81.74, 36.56, 66.18, 75.35, 3.26, 3.37, 3.32),
    "6+18": (73.82, 81.64, 82.38, 34.12, 65.40, 74.52, 3.19, 3.23, 3.29),
}

# Table 4.2, with signatures: dimensions to Holidays (6+18), Paris (7+18), UKB (7+18).
_COMPONENTS: dict[int, tuple[float, float, float]] = {
    4096: (83.30, 78.24, 3.68),
    2048: (84.11, 79.45, 3.72),
    1024: (84.63, 80.65, 3.74),
    512: (85.65, 81.24, 3.76),
    256: (83.67, 78.75, 3.71),
    128: (82.72, 77.24, 3.65),
}
_BEST = {"holidays": "6+18", "paris6k": "7+18", "ukbench": "7+18"}

# Table 4.4: KB an image and seconds a query of 1-D and 2-D DeepIndex on Holidays.
_COST = {"1-D DPI": ("6", 2.06, 0.25), "2-D DPI": ("6+18", 4.06, 0.45)}


def published() -> tuple[PublishedResult, ...]:
    """Return what the thesis prints, one entry a cell; the system is the name of a recipe."""
    return (*_table_1(), *_tables_2_and_3(), *_table_4())


def _recipe(features: str) -> str:
    return f"deepindex_{features.replace('+', '_')}"


def _table_1() -> Iterator[PublishedResult]:
    columns = [(data, count) for data, setting in SETTINGS.items() for count in setting.assignments]
    for features, values in _ASSIGNMENTS.items():
        for (data, count), value in zip(columns, values, strict=True):
            yield PublishedResult(
                table="4.1",
                row=f"DPI {features}",
                column=f"{HEADINGS[data]} MA={count}",
                value=value,
                metric=SETTINGS[data].metric,
                system=_recipe(features),
                data=data,
            )


def _tables_2_and_3() -> Iterator[PublishedResult]:
    for dimension, values in _COMPONENTS.items():
        for data, value in zip(SETTINGS, values, strict=True):
            metric, system = SETTINGS[data].metric, _recipe(_BEST[data])
            yield PublishedResult("4.2", str(dimension), HEADINGS[data], value, metric, system, data)
    for data, value in zip(SETTINGS, _COMPONENTS[512], strict=True):
        metric, system = SETTINGS[data].metric, _recipe(_BEST[data])
        yield PublishedResult("4.3", "Ours", HEADINGS[data], value, metric, system, data)


def _table_4() -> Iterator[PublishedResult]:
    for column, (features, kilobytes, seconds) in _COST.items():
        system = _recipe(features)
        for row, value, metric in (
            ("Total Memory", kilobytes, "kilobytes_an_image"),
            ("Query Time", seconds, "seconds_a_query"),
        ):
            yield PublishedResult("4.4", row, column, value, metric, system, "holidays")
