"""Training on pictures with label maps: learning, other classes, what does not fit."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from kzoo import registry
from kzoo.data.data_source import Split
from kzoo.data.layers import LayerArrays
from kzoo.errors import UsageError
from kzoo.evaluation.evaluate import evaluate_run
from kzoo.training.strategy import make_strategy
from kzoo.training.tasks.segmentation import Segmentation, with_score_channels
from kzoo.training.train import Training, train

COLOURS = np.array([[255, 255, 255], [220, 40, 40], [40, 40, 220]], np.uint8)
COUNTS = {"train": 12, "validation": 4, "test": 6}


@dataclass(frozen=True)
class Squares:
    """Squares of two colours on white; the colour of a pixel tells its class."""

    name: str = "squares"
    classes: tuple[str, ...] = ("ground", "red", "blue")
    fingerprint: str = "f" * 64
    licence: str = "CC0"
    source: str = "a random generator"

    @property
    def splits(self) -> dict[str, Split]:
        return {name: Split(name, count) for name, count in COUNTS.items()}

    def arrays(self, split: str, *, image_size: tuple[int, int]) -> LayerArrays:
        random = np.random.default_rng(len(split))
        labels = np.zeros((COUNTS[split], *image_size), np.uint8)
        for one in labels:
            for label in (1, 2):
                row, column = random.integers(0, 32, 2)
                one[row : row + 30, column : column + 30] = label
        ids = np.array([f"{split}-{number}" for number in range(len(labels))])
        return LayerArrays(COLOURS[labels], labels, np.zeros_like(labels), ids)


def training(out: Path, *overrides: str, name: str = "fcfn_seg") -> Training:
    system = registry.find(name)
    blocks = "options.blocks=[[1,8],[1,8],[1,16],[1,16],[1,16]]"
    return Training(
        system=system,
        recipe_name="house",
        recipe=system.recipe("house").override(
            [blocks, "options.top_units=16", "batch_size=4", "epochs=12", *overrides]
        ),
        source=Squares(),
        out=out,
        strategy=make_strategy(),
        quiet=True,
    )


@pytest.mark.slow
def test_it_learns_and_is_evaluated(tmp_path: Path) -> None:
    run = train(training(tmp_path / "run", "optimizer.learning_rate=0.01"))
    with (run.folder / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["val_mean_iou_percent"]) > float(rows[0]["val_mean_iou_percent"]) + 10
    evaluation = evaluate_run(run, Squares())
    assert evaluation.examples == COUNTS["test"]
    assert {"mean_iou_percent", "iou_percent_ground", "pixel_accuracy_percent"} <= set(evaluation.metrics)
    assert evaluation.metrics["mean_iou_percent"] > 35


def test_a_network_of_another_size_is_told_before_it_is_fed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fusion_grid=resize"):
        train(training(tmp_path / "run", "options.image_size=[96, 96]"))


def test_a_model_of_other_classes_keeps_its_trunk() -> None:
    system = registry.find("fcfn_seg")
    model = system.build(**system.tiny, classes=5)
    model.get_layer("fc7").set_weights([one + 0.5 for one in model.get_layer("fc7").get_weights()])
    adapted = Segmentation().adapted(model, Squares())
    assert adapted.output["logits"].shape == (None, 32, 32, 3)
    for layer in ("block1_conv1", "fc7"):
        for one, other in zip(
            adapted.get_layer(layer).get_weights(), model.get_layer(layer).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    image = np.zeros((1, 32, 32, 3), "float32")
    np.testing.assert_array_equal(adapted(image)["logits"], np.zeros((1, 32, 32, 3)))
    assert with_score_channels(adapted, 3) is adapted
    assert isinstance(adapted, keras.Model)
