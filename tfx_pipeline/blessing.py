"""Whether a model is good enough to be pushed, by the bounds of its recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from kzoo.errors import UnknownNameError, UsageError
from kzoo.recipe import Blessing

DECIDING_METRIC = {
    "classification": "accuracy",
    "edges": "ods",
    "matching": "r_sum",
    "segmentation": "mean_iou_percent",
    "swap": "ssim",
    "translation": "ssim_b",
}
_BEST = {"r_sum": 600.0}
_PERCENT = ("_percent", "_r@1", "_r@5", "_r@10")


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


def deciding_metric(task: str, bounds: Blessing) -> str:
    """Return the name of the metric that decides: the recipe's, or else that of the task.

    Raises:
        UsageError: if there is neither.
    """
    if bounds.metric is None and task not in DECIDING_METRIC:
        raise UsageError(
            f"the recipe names no metric by which a system for {task} is blessed: set blessing.metric"
        )
    return bounds.metric or DECIDING_METRIC[task]


def decide(
    metrics: Mapping[str, float], baseline: Mapping[str, float] | None, bounds: Blessing, metric: str
) -> Verdict:
    """Hold a model's metrics against bounds, and against those of the model that is pushed.

    Args:
        metrics, baseline: by name, as the system's `evaluate` returns them; `baseline` is None where no model
            is pushed yet.
        bounds: of the recipe.
        metric: that decides.

    Raises:
        UnknownNameError: if the system has no such metric.
        UsageError: if the metric is not one of which more is better and whose best value is known.
    """
    value = share(metrics, metric)
    before = None if baseline is None else share(baseline, metric)
    reasons = []
    if not value >= bounds.at_least:
        reasons.append(f"{metric} is {value:.4f} of its best, below blessing.at_least {bounds.at_least}")
    if before is not None and not value >= before - bounds.worse_by:
        reasons.append(
            f"{metric} is {value:.4f} of its best and {before:.4f} with the model before: worse by more than "
            f"blessing.worse_by {bounds.worse_by}"
        )
    return Verdict(metric, value, before, tuple(reasons))


def share(metrics: Mapping[str, float], metric: str) -> float:
    """Return a metric as a share of the best that it can be, 0 to 1; NaN if it is.

    Percentages of errors count as what is right; a structural similarity below 0 counts as 0. Other metrics
    must lie between 0 and 1.

    Raises:
        UnknownNameError, UsageError: as `decide`.
    """
    if metric not in metrics:
        raise UnknownNameError("metric (blessing.metric)", metric, metrics)
    value = metrics[metric] / _BEST.get(metric, 100.0 if metric.endswith(_PERCENT) else 1.0)
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
