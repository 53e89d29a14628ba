"""Training on pairs of features: stages, resuming in one, the plateau, terms gathered over devices."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import processes
import pytest

from kzoo import registry
from kzoo.data.data_source import Split
from kzoo.errors import UsageError
from kzoo.recipe import Recipe
from kzoo.training.callbacks import ReduceOnPlateau, Table
from kzoo.training.run_folder import Run
from kzoo.training.strategy import make_strategy
from kzoo.training.train import Training, train

IMAGES = {"train": 24, "validation": 8, "test": 8}
DIMENSIONS = {"image": 12, "text": 10}


@dataclass(frozen=True)
class Features:
    """Pairs in memory: texts are images seen through a fixed matrix, two captions an image, three classes."""

    name: str = "features"
    classes: tuple[str, ...] = ("a", "b", "c")
    fingerprint: str = "f" * 64
    licence: str = "CC0"
    source: str = "a random generator"
    image_encoder: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(name="pixels", dimension=DIMENSIONS["image"])
    )
    text_encoder: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(name="letters", dimension=DIMENSIONS["text"])
    )

    @property
    def splits(self) -> dict[str, Split]:
        return {name: Split(name, 2 * count) for name, count in IMAGES.items()}

    def arrays(self, split: str) -> dict[str, np.ndarray]:
        mix = np.random.default_rng(0).standard_normal((DIMENSIONS["image"], DIMENSIONS["text"]))
        random = np.random.default_rng(len(split))
        image = random.standard_normal((IMAGES[split], DIMENSIONS["image"]))
        image_index = np.repeat(np.arange(IMAGES[split]), 2)
        text = (image @ mix)[image_index] + 0.3 * random.standard_normal(
            (2 * IMAGES[split], DIMENSIONS["text"])
        )
        return {
            "image": image.astype("float32"),
            "text": text.astype("float32"),
            "image_index": image_index,
            "label": image[:, :3].argmax(axis=1),
            "image_id": np.array([f"{split}-{number}" for number in range(IMAGES[split])]),
            "caption": np.array([f"caption {number}" for number in range(2 * IMAGES[split])]),
        }


def asked_for(system: str, out: Path, *assignments: str) -> Training:
    found = registry.find(system)
    options = {name: value for name, value in found.tiny.items() if not name.endswith("_dim")}
    options |= {"pooling_dim": 16} if "pooling_dim" in found.options else {}
    few = ["loss_options.count=4"] if "count" in found.recipe("house_emoji_captions").loss_options else []
    recipe = found.recipe("house_emoji_captions").override(
        [f"options={json.dumps(options)}", "batch_size=12", *few, *assignments]
    )
    return Training(
        system=found,
        recipe_name="tiny",
        recipe=recipe,
        source=Features(),
        out=out,
        strategy=make_strategy("single"),
        quiet=True,
    )


STAGES = json.dumps(
    [
        {"name": "matching", "epochs": 2, "learning_rate": 0.1, "freeze": ["logits"],
         "loss_options": {"classification_weight": 0.0}},
        {"name": "classifier", "epochs": 1, "learning_rate": 0.05, "freeze": ["trunk"],
         "loss_options": {"matching_weight": 0.0}},
        {"name": "joint", "epochs": 2, "learning_rate": 0.01},
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(asked_for("mmcnet", tmp_path_factory.mktemp("staged") / "run", f"stages={STAGES}"))


def weights_of_stage(run: Run, stage: str) -> dict[str, np.ndarray]:
    with np.load(run.folder / "stages" / f"{stage}.npz") as archive:
        return {name: archive[name] for name in archive.files}


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_epochs_are_counted_over_the_stages(staged: Run) -> None:
    found = rows(staged.folder)
    assert [row["epoch"] for row in found] == ["1", "2", "3", "4", "5"]
    assert {"loss", "val_r_sum", "val_accuracy"} <= set(found[0])
    assert sorted(path.name for path in (staged.folder / "stages").iterdir()) == [
        "classifier.npz",
        "matching.npz",
    ]


def test_the_second_stage_trains_the_classifier_alone(staged: Run) -> None:
    before, after = weights_of_stage(staged, "matching"), weights_of_stage(staged, "classifier")
    changed = [name for name in before if not np.array_equal(before[name], after[name])]
    kernel, *others = [name for name in changed if "seed" not in name]
    assert kernel.endswith("kernel")
    assert before[kernel].shape == (16, 3)
    assert others == []


@pytest.mark.parametrize("lost", ["joint", "classifier"])
def test_a_run_goes_on_in_the_stage_that_it_stopped_in(staged: Run, tmp_path: Path, lost: str) -> None:
    folder = tmp_path / "run"
    shutil.copytree(staged.folder, folder)
    for name in ("final.keras", "best.keras", "best.npz", "best.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "checkpoints" / "joint")
    if lost == "classifier":
        (folder / "stages" / "classifier.npz").unlink()
        shutil.rmtree(folder / "checkpoints" / "classifier")
    again = train(asked_for("mmcnet", folder, f"stages={STAGES}"))
    expected = staged.model("final").get_weights()
    for value, other in zip(again.model("final").get_weights(), expected, strict=True):
        np.testing.assert_array_equal(value, other)
    assert rows(folder) == rows(staged.folder)


@pytest.mark.parametrize("system", ["rrfnet", "cyclematch", "mcnet"])
def test_training_learns_the_pairs(system: str, tmp_path: Path) -> None:
    train(asked_for(system, tmp_path / "run", "epochs=30"))
    found = rows(tmp_path / "run")
    assert float(found[-1]["loss"]) < 0.8 * float(found[0]["loss"])


def test_options_that_the_data_decide_are_not_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"options\.image_dim is 7; features has 12"):
        train(asked_for("rrfnet", tmp_path / "run", "options.image_dim=7"))


def test_too_few_rows_for_the_negatives(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a batch of 12 has no 50 negatives a row"):
        train(asked_for("rrfnet", tmp_path / "run", "loss_options.count=50"))


def test_a_stage_needs_a_length_and_a_name_of_its_own() -> None:
    for stages in ([{"name": "a", "learning_rate": 1}], [{"name": "a", "epochs": 1, "learning_rate": 1}] * 2):
        with pytest.raises(UsageError, match="recipe"):
            Recipe.from_yaml(
                json.dumps(
                    {
                        "data": {"name": "x"},
                        "optimizer": {"learning_rate": 1},
                        "batch_size": 1,
                        "stages": stages,
                    }
                )
            )


def test_the_rate_falls_on_a_plateau_and_remembers_it(tmp_path: Path) -> None:
    recipe = registry.find("cyclematch").recipe("flickr30k").override(["schedule.patience=2"])
    model = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=1.0))
    history = Table(tmp_path / "history.csv")
    callback = ReduceOnPlateau(recipe, "val_r_sum", history, 0)
    callback.set_model(model)
    rates = []
    for epoch, value in enumerate([10.0, 12.0, 11.0, 12.0, 11.0, 13.0]):
        callback.on_epoch_end(epoch, {"val_r_sum": value})
        history.add({"epoch": epoch + 1, "val_r_sum": f"{value:.6g}"})
        rates.append(model.optimizer.learning_rate)
    assert rates == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1])
    resumed = ReduceOnPlateau(recipe, "val_r_sum", Table(tmp_path / "history.csv"), 0)
    assert (resumed.best, resumed.waited) == (callback.best, callback.waited)


COMPARED = """
import sys
from kzoo.training.strategy import make_strategy
strategy = make_strategy(*(("mirrored", 2) if sys.argv[1] == "two" else ("single",)))
import keras, numpy as np, tensorflow as tf
from kzoo.losses import Ranking, ranking_loss
from kzoo.training.own_loss import with_own_loss
keras.config.set_floatx("float64")
keras.utils.set_random_seed(0)
random = np.random.default_rng(0)
x = {name: random.standard_normal((48, 6)) for name in ("image", "text")}
y = {"image_index": np.arange(48)}
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(12)
with strategy.scope():
    inputs = {name: keras.Input((6,), name=name) for name in x}
    outputs = {name: keras.layers.Dense(5, name=name + "_dense")(one) for name, one in inputs.items()}
    ranking = Ranking(count=5, margin=0.5, intra=0.5)
    terms = lambda found, batch: {
        "rank": ranking_loss(found["image"], found["text"], batch["image_index"], ranking)
    }
    model = with_own_loss(keras.Model(inputs, outputs), terms, data.element_spec)
    model.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
model.fit(data, epochs=2, verbose=0, shuffle=False)
np.savez(sys.argv[2], *[np.array(weight) for weight in model.get_weights()])
"""


@pytest.mark.slow
def test_negatives_are_those_of_all_devices(tmp_path: Path) -> None:
    found = []
    for devices in ("one", "two"):
        file = tmp_path / f"{devices}.npz"
        processes.run("-c", COMPARED, devices, file, check=True)
        with np.load(file) as archive:
            found.append([archive[name] for name in archive.files])
    for one, two in zip(*found, strict=True):
        assert one.dtype == np.float64
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-12)
