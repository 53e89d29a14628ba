"""The numbers of thesis tables 2.8, 3.1 and 3.2: ODS, OIS and AP on BSDS500."""

from __future__ import annotations

from kzoo.system import PublishedResult

MEASURES = ("ods", "ois", "ap")
_ROWS = {
    "hed": (
        ("2.8", "HED", (0.780, 0.802, 0.786)),
        ("3.1", "Baseline 1", (0.762, 0.782, 0.766)),
        ("3.1", "Baseline 2", (0.780, 0.802, 0.786)),
        ("3.1", "RDS(Canny)", (0.785, 0.803, 0.813)),
        ("3.1", "RDS(SE)", (0.787, 0.804, 0.817)),
        ("3.1", "RDS(gPb)", (0.786, 0.803, 0.814)),
        ("3.1", "CEA", (0.765, 0.785, 0.724)),
        ("3.1", "RDS(Canny) + CEA", (0.790, 0.809, 0.819)),
        ("3.1", "RDS(SE) + CEA", (0.792, 0.810, 0.818)),
        ("3.2", "early", (0.770, 0.795, 0.778)),
        ("3.2", "late", (0.780, 0.801, 0.785)),
    ),
    "fcfn_edge": (("2.8", "FCFN", (0.784, 0.806, 0.788)),),
}


def published(system: str) -> tuple[PublishedResult, ...]:
    """Return what the thesis prints for a registered model, one entry a cell."""
    return tuple(
        PublishedResult(table, row, measure.upper(), value, measure, system, "bsds500")
        for table, row, values in _ROWS[system]
        for measure, value in zip(MEASURES, values, strict=True)
    )
