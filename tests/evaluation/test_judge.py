"""What a judge measures beside a system's own metrics, by runs as a user trains them; and its figures."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kzoo import registry
from kzoo.backbones.efficientnet_lite0 import pretrained
from kzoo.data.domains import DomainExamples, open_domains
from kzoo.data.people import open_people
from kzoo.errors import UsageError
from kzoo.evaluation.evaluate import evaluate_run, read_evaluation
from kzoo.evaluation.fcn_score import fcn_score
from kzoo.evaluation.judge import EFFICIENTNET, judge_of_table, open_judge
from kzoo.evaluation.reproduce import reproduce
from kzoo.evaluation.sample_pictures import (
    crossed_picture,
    figures_of,
    spread,
    swaps_picture,
    translations_picture,
)
from kzoo.evaluation.tables import find_table
from kzoo.metrics.inception import inception_score
from kzoo.systems.swapgan.evaluate import generated
from kzoo.training.run_folder import Run
from kzoo.training.strategy import make_strategy
from kzoo.training.tasks import find_task
from kzoo.training.train import Training, train

FEW = 8
GENERATOR = {"residual_blocks": 1, "width": 4, "discriminator_width": 4}
SEGMENTER = {"blocks": [[1, 4]] * 5, "top_units": 8, "top_kernel": 1}


def trained(system_name: str, source: Any, out: Path, options: dict[str, Any], *more: str) -> Run:
    system = registry.find(system_name)
    recipe = system.recipe("house" if source.name != "house/labels_color" else "house_labels")
    recipe = recipe.model_copy(update={"options": {**recipe.options, **options}})
    recipe = recipe.override(["steps=1", "batch_size=2", "data.validation_split=null", *more])
    return train(
        Training(
            system=system,
            recipe_name="tiny",
            recipe=recipe,
            source=source,
            out=out,
            strategy=make_strategy("single"),
            quiet=True,
        )
    )


@pytest.fixture(scope="module")
def labels() -> Any:
    """The first of the label maps and drawings alone."""
    source = open_domains("house/labels_color")
    whole = source.examples("test")
    few = DomainExamples(whole.a[:FEW], whole.b[:FEW], whole.ids[:FEW], paired=True)
    splits = {name: dataclasses.replace(split, examples=FEW) for name, split in source.splits.items()}
    return dataclasses.replace(source, read=lambda split: few, splits=splits)


@pytest.fixture(scope="module")
def runs(labels: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A translator and its judge."""
    place = tmp_path_factory.mktemp("runs")
    fcn8s = registry.find("fcn8s")
    drawings = find_task("segmentation").open(fcn8s.recipe("house").data, [fcn8s])
    judge = trained("fcn8s", drawings, place / "judge", SEGMENTER, "schedule.kind=constant")
    more = ("schedule.start=0", "loss_options.average_decay=0.5")
    return trained("gan", labels, place / "gan", GENERATOR, *more), judge


def test_what_a_run_keeps_of_its_generators_are_the_averages(runs: tuple[Run, Run]) -> None:
    run, _ = runs
    with np.load(run.folder / "checkpoints" / "step-000000001.npz") as archive:
        averages = [archive[name] for name in archive.files if name.endswith("_average")]
        weights = [archive[name] for name in archive.files]
    kept = [
        weight
        for name in ("generator_ab_1", "generator_ba_1")
        for weight in run.model("final").get_layer(name).get_weights()
    ]
    assert len(averages) == len(kept) > 20
    for average in averages:
        assert any(average.shape == one.shape and np.array_equal(average, one) for one in kept)
    assert not any(np.array_equal(weights[0], average) for average in averages)


def test_a_trained_segmenter_judges_translations(runs: tuple[Run, Run], labels: Any) -> None:
    run, judge_run = runs
    assert "class_iou_b" not in evaluate_run(run, labels).metrics
    judge = open_judge(str(judge_run.folder), registry.find("gan"), labels)
    assert read_evaluation(run, labels.fingerprint, judge=judge) is None
    found = evaluate_run(run, labels, judge=judge)
    expected = fcn_score(
        run.model("final"), judge_run.model(), labels.examples("test").a, labels.label_colors
    )
    assert {name: found.metrics[name] for name in expected} == pytest.approx(expected)
    assert {"l1_b", "oracle_class_iou_b"} < set(found.metrics)
    again = read_evaluation(run, labels.fingerprint, judge=judge)
    assert again is not None
    assert again.metrics == found.metrics
    other = dataclasses.replace(judge, sha256="0" * 64)
    assert read_evaluation(run, labels.fingerprint, judge=other) is None


def test_judges_that_do_not_fit(runs: tuple[Run, Run], labels: Any) -> None:
    run, judge = runs
    gan = registry.find("gan")
    with pytest.raises(UsageError, match="A of house/outline_color is none"):
        open_judge(str(judge.folder), gan, open_domains("house/outline_color"))
    with pytest.raises(UsageError, match=r"judge of task segmentation; .* is a run of gan"):
        open_judge(str(run.folder), gan, labels)
    colors = dict(list(labels.label_colors.items())[:2])
    with pytest.raises(UsageError, match=r"expected background, color$"):
        open_judge(str(judge.folder), gan, dataclasses.replace(labels, label_colors=colors))
    with pytest.raises(UsageError, match="cfn_a is of task classification"):
        open_judge(EFFICIENTNET, registry.find("cfn_a"), None)
    with pytest.raises(UsageError, match=r"table 8\.1 on house/outline_color has no judge; received x"):
        judge_of_table(find_table("8.1").on("house/outline_color"), "house/outline_color", Path(), "x")


def test_a_table_has_what_its_judge_adds_where_it_has_one() -> None:
    table = find_table("8.1")
    with_labels, without = table.on("house/labels_color"), table.on("house/outline_color")
    assert [one.metric for one in with_labels.measures[:3]] == [
        "pixel_accuracy_b",
        "class_accuracy_b",
        "class_iou_b",
    ]
    assert [row.name for row in with_labels.rows] == [*(row.name for row in table.rows), "oracle"]
    assert (without.measures, without.rows, without.judging) == (table.measures, table.rows, None)
    for number in ("8.2", "8.3"):
        found = find_table(number).on("house/people")
        assert found.measures[0].metric == "inception_score_reference"
        assert all(found.published(row, "house/people") for row in found.rows)


def test_figures_of_translations(labels: Any) -> None:
    models = {"gan": lambda: registry.find("gan").build(**GENERATOR)}
    found = figures_of("8.1", "house/labels_color", models, lambda: labels.examples("test"))
    assert [title.split(":")[0] for title in found] == ["Figure 8.3a", "Figure 8.3b"]
    sheet = np.asarray(Image.open(io.BytesIO(found["Figure 8.3a: A to B"])))
    examples = labels.examples("test")
    np.testing.assert_array_equal(sheet[22:86, 4:68], examples.a[0])
    np.testing.assert_array_equal(sheet[22:86, 4 + 2 * 96 : 68 + 2 * 96], examples.b[0])
    assert figures_of("2.2", "house/emoji", models, labels.examples) == {}
    unpaired = dataclasses.replace(examples, paired=False)
    png = translations_picture({"gan": models["gan"]()}, unpaired, "a", count=2)
    assert Image.open(io.BytesIO(png)).size[0] == 2 * 96 + 4
    assert spread(3, 9).tolist() == [0, 4, 8]


def test_swaps_have_an_inception_score_and_figures(tmp_path: Path) -> None:
    pairs = open_people("house/people:few").pairs("test")
    model = registry.find("swapgan").build(**registry.find("swapgan").tiny)
    judge = open_judge(EFFICIENTNET, registry.find("swapgan"), None)
    found = judge.measure(model, pairs)
    for name, pictures in generated(model, pairs).items():
        resized = [np.asarray(Image.fromarray(one).resize((224, 224), Image.BILINEAR)) for one in pictures]
        logits = pretrained(top=True).predict(np.array(resized, "float32"), verbose=0)
        expected = inception_score(logits, splits=1)
        assert expected.mean > 1.01
        assert found[f"inception_score_{name}"] == pytest.approx(expected.mean, rel=0.05)
    crossed = Image.open(io.BytesIO(crossed_picture(model, pairs, count=2)))
    assert crossed.size == (3 * 132 + 4, 3 * 132 + 22)
    sheet = Image.open(io.BytesIO(swaps_picture({"full": model}, pairs, count=2)))
    assert sheet.size == (4 * 132 + 4, 2 * 132 + 22)


@pytest.mark.slow
def test_a_table_is_reproduced_with_its_judge(tmp_path: Path) -> None:
    tiny = registry.find("swapgan").tiny
    options = ", ".join(f"{name}: {value}" for name, value in tiny.items())
    reproduce(
        "8.2",
        "house/people:few",
        seeds=1,
        runs_folder=tmp_path / "runs",
        results_folder=tmp_path / "results",
        overrides=["steps=1", "batch_size=2", "schedule.start=0", f"options={{{options}}}"],
        announce=False,
        quiet=True,
    )
    place = tmp_path / "results" / "table-8.2-house-people:few"
    with place.with_name("table-8.2-house-people-few.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert 1 <= float(line["inception_score_reference"]) <= 8
    assert len(line["judge_sha256"]) == 64
    assert place.with_name("table-8.2-house-people-few-figure-8.14.png").is_file()
