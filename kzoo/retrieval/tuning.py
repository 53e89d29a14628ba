"""The cheapest setting of a plan that finds enough of the true neighbours."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from kzoo.retrieval.plan import Plan

TARGET_RECALL = 0.99
_LADDER = ((64, 100), (32, 150), (16, 200), (8, 300), (4, 400), (2, 800), (1, 1600))


def tuned(plan: Plan, recall: Callable[[Plan], float], target: float = TARGET_RECALL) -> tuple[Plan, float]:
    """Raise the leaves searched and the candidates scored again until `recall` reaches `target`.

    Where even the last setting, all leaves, does not reach it, that setting is returned.

    Returns:
        The plan with its new `leaves_to_search` and `reorder`, and its recall.
    """
    for part, reorder in _LADDER:
        leaves = None if plan.leaves is None else math.ceil(plan.leaves / part)
        plan = dataclasses.replace(plan, leaves_to_search=leaves, reorder=reorder)
        reached = recall(plan)
        if reached >= target:
            break
    return plan, reached
