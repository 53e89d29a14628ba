from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from kzoo.errors import UnknownNameError, UsageError
from kzoo.recipe import Blessing
from tfx_pipeline.blessing import decide, deciding_metric, share
from tfx_pipeline.reports import REPORT_FILE, REPORT_PAGE, PipelineReport


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        ("accuracy", 0.75, 0.75),
        ("ods", 0.6, 0.6),
        ("i2t_r@10", 30.0, 0.3),
        ("r_sum", 150.0, 0.25),
        ("error_percent", 20.0, 0.8),
        ("ssim_b", -0.25, 0.0),
    ],
)
def test_metrics_as_shares_of_their_best(metric: str, value: float, expected: float) -> None:
    assert share({metric: value}, metric) == pytest.approx(expected)


def test_a_metric_without_a_known_best_is_refused() -> None:
    with pytest.raises(UsageError, match=r"i2t_median_rank is 17\.0; expected recalls"):
        share({"i2t_median_rank": 17.0}, "i2t_median_rank")
    with pytest.raises(UnknownNameError, match="did you mean r_sum"):
        share({"r_sum": 1.0}, "r_sums")


@pytest.mark.parametrize(
    ("value", "before", "reasons"),
    [
        (0.50, None, 0),
        (0.50, 0.52, 0),
        (0.50, 0.53, 1),
        (0.39, None, 1),
        (0.39, 0.50, 2),
        (math.nan, 0.50, 2),
    ],
)
def test_both_bounds_decide(value: float, before: float | None, reasons: int) -> None:
    baseline = None if before is None else {"ods": before}
    verdict = decide({"ods": value}, baseline, Blessing(at_least=0.4, worse_by=0.02), "ods")
    assert (len(verdict.reasons), verdict.blessed) == (reasons, not reasons)


def test_the_recipe_or_the_task_names_the_metric() -> None:
    assert deciding_metric("matching", Blessing()) == "r_sum"
    assert deciding_metric("translation", Blessing()) == "ssim_b"
    assert deciding_metric("matching", Blessing(metric="i2t_r@1")) == "i2t_r@1"
    with pytest.raises(UsageError, match=r"set blessing\.metric"):
        deciding_metric("weaving", Blessing())


def test_the_report_says_what_was_decided_and_by_category(tmp_path: Path) -> None:
    verdict = decide({"ods": 0.3, "ap": math.nan}, {"ods": 0.5}, Blessing(), "ods")
    report = PipelineReport(
        system="hed",
        data="<spans>",
        verdict=verdict,
        metrics={"ods": 0.3, "ap": math.nan},
        baseline={"ods": 0.5},
        slices={"Food & Drink": {"ods": 0.25}},
    )
    report.write(tmp_path)
    told = json.loads((tmp_path / REPORT_FILE).read_text())
    assert (told["blessed"], told["metrics"]["ap"]) == (False, None)
    assert told["slices"] == {"Food & Drink": {"ods": 0.25}}
    page = (tmp_path / REPORT_PAGE).read_text()
    assert "hed on &lt;spans&gt;" in page
    assert "Not blessed: ods is 0.3000 of its best and 0.5000" in page
    assert "<td>Food &amp; Drink</td><td>0.2500</td>" in page
