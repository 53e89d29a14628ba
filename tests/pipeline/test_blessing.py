from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kzoo import registry
from kzoo.errors import UnknownNameError, UsageError
from kzoo.recipe import Blessing
from tfx_pipeline.blessing import decide, decided_by_tfma, deciding_metric, share
from tfx_pipeline.reports import REPORT_FILE, REPORT_PAGE, PipelineReport


@pytest.mark.parametrize(
    ("task", "metric", "value", "expected"),
    [
        ("classification", "accuracy", 0.75, 0.75),
        ("classification", "mean_average_precision", 20.0, 0.2),
        ("classification", "n_s", 3.0, 0.75),
        ("edges", "ods", 0.6, 0.6),
        ("matching", "accuracy", 75.0, 0.75),
        ("matching", "i2t_r@10", 30.0, 0.3),
        ("matching", "r_sum", 150.0, 0.25),
        ("classification", "error_percent", 20.0, 0.8),
        ("translation", "ssim_b", -0.25, 0.0),
    ],
)
def test_metrics_as_shares_of_their_best(task: str, metric: str, value: float, expected: float) -> None:
    assert share({metric: value}, metric, task) == pytest.approx(expected)


def test_a_metric_without_a_known_best_is_refused() -> None:
    with pytest.raises(UsageError, match=r"i2t_median_rank is 17\.0; expected recalls"):
        share({"i2t_median_rank": 17.0}, "i2t_median_rank", "matching")
    with pytest.raises(UnknownNameError, match="did you mean r_sum"):
        share({"r_sum": 1.0}, "r_sums", "matching")


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
    verdict = decide({"ods": value}, baseline, Blessing(at_least=0.4, worse_by=0.02), registry.find("hed"))
    assert (len(verdict.reasons), verdict.blessed) == (reasons, not reasons)


def test_the_recipe_or_the_system_names_the_metric() -> None:
    metrics = {name: deciding_metric(registry.find(name), Blessing()) for name in ("mmcnet", "mcnet", "hed")}
    assert metrics == {"mmcnet": "r_sum", "mcnet": "accuracy", "hed": "ods"}
    assert deciding_metric(registry.find("mmcnet"), Blessing(metric="i2t_r@1")) == "i2t_r@1"
    with pytest.raises(UsageError, match=r"set blessing\.metric"):
        deciding_metric(replace(registry.find("hed"), task="weaving"), Blessing())


def test_tfma_decides_by_accuracy_alone() -> None:
    system = registry.find("alexnet")
    recipe = system.recipe("house_emoji")
    assert decided_by_tfma(system, recipe)
    assert not decided_by_tfma(system, recipe.override(["blessing.metric=n_s"]))
    assert not decided_by_tfma(registry.find("mcnet"), registry.find("mcnet").recipe("house_emoji_captions"))


@pytest.mark.parametrize(
    "name", [name for name in registry.names() if registry.find(name).task == "matching"]
)
def test_every_matching_system_has_the_metric_that_decides(name: str) -> None:
    system, generator = registry.find(name), np.random.default_rng(0)
    model = system.build(**system.tiny)
    arrays = {key: generator.normal(size=(6, tensor.shape[-1])) for key, tensor in model.input.items()}
    metrics = system.evaluate(model, {**arrays, "image_index": np.arange(6), "label": np.arange(6) % 2})
    assert decide(metrics, None, Blessing(), system).blessed


def test_the_report_says_what_was_decided_and_by_category(tmp_path: Path) -> None:
    verdict = decide({"ods": 0.3, "ap": math.nan}, {"ods": 0.5}, Blessing(), registry.find("hed"))
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
