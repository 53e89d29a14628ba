"""What TFMA's Evaluator found, as the report that KzooEvaluator writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kzoo import registry
from tfx_pipeline.blessing import decide, decided_by_tfma
from tfx_pipeline.history import evaluation_of_newest
from tfx_pipeline.reports import REPORT_FILE, PipelineReport
from tfx_pipeline.settings import Settings
from tfx_pipeline.spans import describe, window

_NAMES = {"sparse_categorical_accuracy": "accuracy", "example_count": "examples"}


def write_report(settings: Settings) -> None:
    """Write report.json and report.html beside what TFMA wrote in the newest run, where they are not yet."""
    system, folder = registry.find(settings.system), evaluation_of_newest(settings.metadata)
    if folder is None or (folder / REPORT_FILE).is_file() or not decided_by_tfma(system, settings.recipe):
        return
    models = read_metrics(folder)
    baseline = models.get("baseline")
    metrics = models["candidate"] if baseline else next(iter(models.values()))
    overall, before = metrics[""], baseline[""] if baseline else None
    PipelineReport(
        system=settings.system,
        data=describe(window(settings.spans, last=settings.last)).name,
        verdict=decide(overall, before, settings.recipe.blessing, system),
        metrics=overall,
        baseline=before,
        slices={name: found for name, found in metrics.items() if name},
    ).write(folder)


def read_metrics(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Return the metrics that TFMA wrote into a folder: by model, by slice ("" for all examples), by name."""
    import tensorflow_model_analysis as tfma

    models: dict[str, dict[str, dict[str, float]]] = {}
    for found in tfma.load_metrics(str(folder)):
        part = ", ".join(_slice_value(key) for key in found.slice_key.single_slice_keys)
        for one in found.metric_keys_and_values:
            if one.key.name in _NAMES and not one.key.is_diff:
                slices = models.setdefault(one.key.model_name, {})
                slices.setdefault(part, {})[_NAMES[one.key.name]] = one.value.double_value.value
    return models


def _slice_value(key: Any) -> str:
    value: bytes = key.bytes_value
    return value.decode("utf-8")
