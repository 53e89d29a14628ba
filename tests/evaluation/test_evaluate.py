from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from kzoo import registry
from kzoo.data.pipeline import Examples, evaluation_batches
from kzoo.data.sources import DataSource, open_source
from kzoo.errors import RunError, UnknownNameError, UsageError
from kzoo.evaluation.evaluate import evaluate_run, read_evaluation
from kzoo.evaluation.statistics import proportion_interval
from kzoo.training.run_folder import Run
from kzoo.training.strategy import make_strategy
from kzoo.training.train import Training, train

TINY = "options={stages: [[3,[6]],[3,[6]],[3,[6]]], branch_channels: 8}"


@pytest.fixture(scope="module")
def source(small_folder: Path) -> DataSource:
    return open_source(str(small_folder))


@pytest.fixture(scope="module")
def trained(source: DataSource, tmp_path_factory: pytest.TempPathFactory) -> Run:
    system = registry.find("cfn_a")
    name, recipe = system.recipe_for(source.name)
    return train(
        Training(
            system=system,
            recipe_name=name,
            recipe=recipe.override(["epochs=2", "batch_size=10", TINY]),
            source=source,
            out=tmp_path_factory.mktemp("runs") / "cfn_a",
            strategy=make_strategy("single"),
            quiet=True,
        )
    )


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Run:
    shutil.copytree(trained.folder, tmp_path / "run")
    return Run.open(tmp_path / "run")


def test_the_numbers_are_those_of_the_systems_own_evaluation(run: Run, source: DataSource) -> None:
    found = evaluate_run(run, source)
    arrays = source.arrays("test", image_size=(32, 32))
    batches = evaluation_batches(Examples.of(arrays), batch_size=7, normalization="global_contrast")
    expected = registry.find("cfn_a").evaluate(run.model("final"), batches)
    assert found.metrics == pytest.approx(expected, rel=1e-5)

    assert found.predictions is not None
    right = found.predictions == arrays["label"]
    interval = proportion_interval(int(right.sum()), 18)
    assert found.accuracy_interval == (interval.low, interval.high)
    assert found.metrics["majority_accuracy"] == pytest.approx(1 / 3)
    for label, name in enumerate(source.classes):
        assert found.class_accuracy[name] == pytest.approx(right[arrays["label"] == label].mean())
    assert np.sum(found.confusion) == 18


def test_each_split_and_weights_has_its_place_in_the_file(run: Run, source: DataSource) -> None:
    final = evaluate_run(run, source)
    best = evaluate_run(run, source, "validation", "best")
    assert list(json.loads((run.folder / "metrics.json").read_text())) == ["test/final", "validation/best"]
    assert read_evaluation(run, source.fingerprint) == final
    assert read_evaluation(run, source.fingerprint, "validation", "best") == best
    assert read_evaluation(run, source.fingerprint, "test", "best") is None


def test_what_was_found_on_other_data_stands_beside(run: Run, source: DataSource, tmp_path: Path) -> None:
    shutil.copytree(Path(source.name), tmp_path / "others")
    next((tmp_path / "others" / "test" / "blue").iterdir()).unlink()
    other = open_source(str(tmp_path / "others"))
    own, elsewhere = evaluate_run(run, source), evaluate_run(run, other)
    assert (own.examples, elsewhere.examples) == (18, 17)
    written = json.loads((run.folder / "metrics.json").read_text())
    assert list(written) == ["test/final", f"test/final on {other.name}"]
    assert read_evaluation(run, source.fingerprint) == own
    assert read_evaluation(run, other.fingerprint) == elsewhere


def test_what_was_found_of_other_weights_or_data_is_not_read(run: Run, source: DataSource) -> None:
    evaluate_run(run, source)
    assert read_evaluation(run, "0" * 64) is None
    shutil.copy(run.folder / "best.keras", run.folder / "final.keras")
    with (run.folder / "final.keras").open("ab") as file:
        file.write(b"\0")
    assert read_evaluation(run, source.fingerprint) is None


def test_other_classes_are_refused(run: Run, small_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(small_folder, other)
    for split in ("train", "validation", "test"):
        (other / split / "red").rename(other / split / "violet")
    with pytest.raises(
        RunError, match=r"trained on 3 classes \(blue, green, red\).* 3 \(blue, green, violet\)"
    ):
        evaluate_run(run, open_source(str(other)))


def test_a_run_that_has_not_ended_is_refused(run: Run, source: DataSource) -> None:
    (run.folder / "final.keras").unlink()
    with pytest.raises(RunError, match="has not ended"):
        evaluate_run(run, source)


def test_a_broken_file_is_named_and_left(run: Run, source: DataSource) -> None:
    path = run.folder / "metrics.json"
    for content in ("", "null", '{"test/final": {"metrics": {}}}'):
        path.write_text(content)
        with pytest.raises(RunError, match=re.escape(str(path))):
            read_evaluation(run, source.fingerprint)
        assert path.read_text() == content


def test_a_model_that_became_nan_is_refused(run: Run, source: DataSource) -> None:
    model = run.model("final")
    model.get_layer("logits").bias.assign([float("nan")] * 3)
    model.save(run.folder / "final.keras")
    with pytest.raises(UsageError, match="18 of 18 examples"):
        evaluate_run(run, source)


def test_wrong_arguments(run: Run, source: DataSource) -> None:
    with pytest.raises(UsageError, match="final, best; received 'last'"):
        evaluate_run(run, source, which="last")
    with pytest.raises(UnknownNameError, match="'tests'; did you mean test"):
        evaluate_run(run, source, "tests")
