"""Whether a model is good enough to be pushed, by the bounds of its recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from kzoo.errors import UnknownNameError, UsageError
from kzoo.recipe import Blessing, Recipe
from kzoo.system import System

DECIDING_METRIC = {
    "classification": "accuracy",
    "edges": "ods",
    "matching": "r_sum",
    "segmentation": "mean_iou_percent",
    "swap": "ssim",
    "translation": "ssim_b",
}
MEAN_AVERAGE_PRECISION, N_S = "mean_average_precision", "n_s"
RETRIEVAL = (MEAN_AVERAGE_PRECISION, N_S)
"""Of a classifier's vectors, by which its images are found."""
_ACCURACY = "accuracy"
_BEST = {"r_sum": 600.0, MEAN_AVERAGE_PRECISION: 100.0, N_S: 4.0}
_PERCENT = ("_percent", "_r@1", "_r@5", "_r@10")
_PERCENT_OF_TASK = {"matching": (_ACCURACY, "average_precision")}


@dataclass(frozen=True)
class Verdict:
    """What was decided, and by what.

    Attributes:
        metric: name of the metric that decides.
        value, baseline: shares of its best value; `baseline` is None for the first model.
        reasons: why it is not blessed, in words; none if it is.
    """

    metric: str
    value: float
    baseline: float | None
    reasons: tuple[str, ...]

    @property
    def blessed(self) -> bool:
        """Whether the model may be pushed."""
        return not self.reasons


def deciding_metric(system: System, bounds: Blessing) -> str:
    """Return the name of the metric that decides: the recipe's, or else the system's or its task's.

    Raises:
        UsageError: if there is none.
    """
    if bounds.metric is not None:
        return bounds.metric
    if system.validation_metric is not None:
        return system.validation_metric.removeprefix("val_")
    if system.task not in DECIDING_METRIC:
        raise UsageError(
            f"the recipe names no metric by which a system for {system.task} is blessed: set blessing.metric"
        )
    return DECIDING_METRIC[system.task]


def decided_by_tfma(system: System, recipe: Recipe) -> bool:
    """Whether TensorFlow Model Analysis has the metric that decides: the accuracy of a classifier."""
    return system.task == "classification" and deciding_metric(system, recipe.blessing) == _ACCURACY


def decide(
    metrics: Mapping[str, float], baseline: Mapping[str, float] | None, bounds: Blessing, system: System
) -> Verdict:
    """Hold a model's metrics against bounds, and against those of the model that is pushed.

    Args:
        metrics, baseline: by name, as the system's `evaluate` returns them; `baseline` is None where no model
            is pushed yet.
        bounds: of the recipe.
        system: that was trained.

    Raises:
        UnknownNameError: if the system has no such metric.
        UsageError: if the metric is not one of which more is better and whose best value is known.
    """
    metric = deciding_metric(system, bounds)
    value = share(metrics, metric, system.task)
    before = None if baseline is None else share(baseline, metric, system.task)
    reasons = []
    if not value >= bounds.at_least:
        reasons.append(f"{metric} is {value:.4f} of its best, below blessing.at_least {bounds.at_least}")
    if before is not None and not value >= before - bounds.worse_by:
        reasons.append(
            f"{metric} is {value:.4f} of its best and {before:.4f} with the model before: worse by more than "
            f"blessing.worse_by {bounds.worse_by}"
        )
    return Verdict(metric, value, before, tuple(reasons))


def share(metrics: Mapping[str, float], metric: str, task: str) -> float:
    """Return a metric as a share of the best that it can be, 0 to 1; NaN if it is.

    Percentages of errors count as what is right; a structural similarity below 0 counts as 0. Other metrics
    must lie between 0 and 1.

    Raises:
        UnknownNameError, UsageError: as `decide`.
    """
    if metric not in metrics:
        raise UnknownNameError("metric (blessing.metric)", metric, metrics)
    percent = metric.endswith(_PERCENT) or metric in _PERCENT_OF_TASK.get(task, ())
    value = metrics[metric] / _BEST.get(metric, 100.0 if percent else 1.0)
    if metric.endswith("error_percent"):
        value = 1 - value
    if metric.startswith("ssim") and value < 0:
        value = 0.0
    if not (0 <= value <= 1 or math.isnan(value)):
        raise UsageError(
            f"blessing.metric {metric} is {metrics[metric]}; expected recalls, percentages, r_sum, or a "
            "metric between 0 and 1 of which more is better"
        )
    return value
