"""Table 5.5: rows of several models, whose runs are those of table 5.1."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kzoo import registry
from kzoo.data.data_source import Split
from kzoo.errors import UsageError
from kzoo.evaluation.evaluate import evaluate_run
from kzoo.evaluation.plan import PlannedRun, Planner
from kzoo.evaluation.reproduce import reproduce
from kzoo.evaluation.tables import find_table
from kzoo.metrics.matching import measures
from kzoo.systems.rrfnet.evaluate import similarity
from kzoo.training.run_folder import Run
from kzoo.training.strategy import make_strategy
from kzoo.training.train import Training, train

IMAGES = {"train": 24, "validation": 8, "test": 40}
OVERRIDES = ("options.widths=[16, 8, 8, 8]", "batch_size=12", "loss_options.count=4", "epochs=2")
ROW = "M={1, 3}"


@dataclass(frozen=True)
class Features:
    """Pairs in memory: texts are images seen through a fixed matrix, two captions an image."""

    name: str = "features"
    classes: tuple[str, ...] = ()
    fingerprint: str = "f" * 64
    licence: str = "CC0"
    source: str = "a random generator"
    image_encoder: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(name="pixels", dimension=12)
    )
    text_encoder: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(name="letters", dimension=10)
    )

    @property
    def splits(self) -> dict[str, Split]:
        return {name: Split(name, 2 * count) for name, count in IMAGES.items()}

    def arrays(self, split: str) -> dict[str, np.ndarray]:
        mix = np.random.default_rng(0).standard_normal((12, 10))
        random = np.random.default_rng(len(split))
        image = random.standard_normal((IMAGES[split], 12))
        image_index = np.repeat(np.arange(IMAGES[split]), 2)
        text = (image @ mix)[image_index] + random.standard_normal((2 * IMAGES[split], 10))
        return {
            "image": image.astype("float32"),
            "text": text.astype("float32"),
            "image_index": image_index,
            "image_id": np.array([f"{split}-{number}" for number in range(IMAGES[split])]),
        }


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch) -> Features:
    """Let the task open these features by any name, in place of encoded files."""
    opened = Features()
    monkeypatch.setattr("kzoo.training.tasks.matching.open_pairs", lambda *_, **__: opened)
    return opened


def train_in_this_process(planned: PlannedRun) -> Run:
    return train(
        Training(
            system=registry.find(planned.system),
            recipe_name=planned.recipe_name,
            recipe=planned.recipe,
            source=planned.source,
            out=planned.folder,
            strategy=make_strategy("single"),
            quiet=True,
        )
    )


def test_models_of_several_t_are_measured_together(features: Features, tmp_path: Path) -> None:
    table = find_table("5.5")
    rows = table.select(ROW.replace("{", "[{]"))
    planner = Planner(table, "features", rows, tmp_path / "runs/chapter-5/features", OVERRIDES)
    (planned,) = planner.results(rows, 1)
    assert [one.recipe.options.get("steps", 3) for one in planned.runs] == [1, 3]
    assert [one.folder.parent.name for one in planned.runs] == ["rrfnet-options.steps-1", "rrfnet"]
    runs = [train_in_this_process(one) for one in planned.runs]

    report = reproduce(
        "5.5",
        "features",
        seeds=1,
        rows=rows[0].name.replace("{", "[{]"),
        overrides=OVERRIDES,
        runs_folder=tmp_path / "runs",
        results_folder=tmp_path / "results",
        quiet=True,
    )

    arrays = features.arrays("test")
    mean = np.mean([similarity(run.model("final"), arrays) for run in runs], axis=0)
    assert report.runs[0].evaluation.metrics == measures(mean, arrays["image_index"])
    alone = [evaluate_run(run, features).metrics for run in runs]
    assert report.runs[0].evaluation.metrics not in alone
    (line,) = csv.DictReader((tmp_path / "results" / "table-5.5-features.csv").open(encoding="utf-8"))
    assert (line["row"], line["steps"]) == (ROW, "16")
    assert len(line["weights_sha256"].split("+")) == 2


def test_other_systems_have_no_ensemble() -> None:
    with pytest.raises(UsageError, match="cyclematch has no ensemble"):
        registry.find("cyclematch").evaluate_ensemble([], {})


def test_the_last_row_is_made_of_every_row_of_table_5_1() -> None:
    steps = {row.overrides for row in find_table("5.1").rows if row.system == "rrfnet"}
    assert set(find_table("5.5").rows[-1].members) == steps
