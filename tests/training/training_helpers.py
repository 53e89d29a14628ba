"""Tiny real trainings, in this process or, as a script with a JSON task, in one of their own."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import processes
from PIL import Image

from kzoo import registry
from kzoo.data.sources import open_source
from kzoo.recipe import Recipe

COLOURS = {"blue": (40, 40, 220), "green": (40, 220, 40), "red": (220, 40, 40)}
EXAMPLES = {"train": 10, "validation": 4, "test": 2}
STEPS_PER_EPOCH = 4
TINY = {"stages": [[3, [6]], [3, [6]], [3, [6]]], "branch_channels": 8}
ROOT = Path(__file__).parents[2]


def draw_pictures(folder: Path, classes: tuple[str, ...] = tuple(COLOURS), seed: int = 5) -> Path:
    """Write 32x32 PNGs of noise with a square of the class's colour; labels can be learnt, not at once."""
    generator = np.random.default_rng(seed)
    for split, count in EXAMPLES.items():
        for name in classes:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                row, column = generator.integers(0, 16, 2)
                pixels[row : row + 16, column : column + 16] = COLOURS[name]
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


def make_recipe(data: Path, *assignments: str) -> Recipe:
    """Return a recipe with everything in it that a resumed run has to get right."""
    return Recipe.model_validate(
        {
            "data": {"name": str(data)},
            "pipeline": {"augmentation": "pad_crop_flip"},
            "options": TINY,
            "optimizer": {
                "learning_rate": 0.05,
                "weight_decay": 1e-3,
                "learning_rate_multipliers": {"fusion": 0.1},
            },
            "schedule": {"kind": "cosine", "warmup": 1},
            "batch_size": 8,
            "epochs": 3,
            "seed": 3,
        }
    ).override(assignments)


def make_training(data: Path, out: Path, *assignments: str, system: str = "cfn_a", **changes: Any) -> Any:
    """Return the `Training` of the recipe above with `assignments`, on one device unless told otherwise."""
    from kzoo.training.strategy import make_strategy
    from kzoo.training.train import Training

    asked_for = {
        "system": registry.find(system),
        "recipe_name": "tiny",
        "recipe": make_recipe(data, *assignments),
        "source": open_source(str(data)),
        "out": out,
        "quiet": True,
        **changes,
    }
    if "strategy" not in asked_for:
        asked_for["strategy"] = make_strategy("single")
    return Training(**asked_for)


def train_tiny(data: Path, out: Path, *assignments: str, **changes: Any) -> Any:
    """Train and return the run."""
    from kzoo.training.train import train

    return train(make_training(data, out, *assignments, **changes))


def state_of_run(folder: Path) -> dict[str, Any]:
    """Return all of a finished run that has to be the same, to the bit, however often it was broken off."""
    import kzoo

    newest = max((folder / "checkpoints").glob("step-*.npz"))
    with np.load(newest) as archive:
        checkpoint = {name: archive[name].tobytes() for name in archive.files}
    texts = ("history.csv", "fusion_weights.csv", "best.json", "recipe.yaml")
    return {
        "checkpoint": (newest.name, checkpoint),
        **{name: (folder / name).read_text() for name in texts if (folder / name).exists()},
        "final": [weight.tobytes() for weight in kzoo.load(folder / "final.keras").get_weights()],
        "best": [weight.tobytes() for weight in kzoo.load(folder).get_weights()],
    }


def last_checkpoint(folder: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a run's newest checkpoint."""
    with np.load(max((folder / "checkpoints").glob("step-*.npz"))) as archive:
        return dict(archive)


def history(folder: Path) -> list[dict[str, float]]:
    """Return the rows of a run's history.csv as numbers."""
    with (folder / "history.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def start_process(action: str, environment: dict[str, str] | None = None, **task: Any) -> processes.Process:
    """Start a process that does one of `ACTIONS`."""
    return processes.Process(
        __file__, action, json.dumps(task, default=str), cwd=ROOT, environment=environment
    )


def finish(process: processes.Process) -> str:
    """Wait for a process and return what it printed; it must have ended well."""
    output, errors = process.communicate()
    assert process.returncode == 0, f"ended with {process.returncode}:\n{errors[-3000:]}"
    return output


def _train(
    data: str, out: str, strategy: str, devices: int | None, assignments: list[str], **changes: Any
) -> None:
    from kzoo.training.strategy import make_strategy

    made = make_strategy(strategy, devices)
    run = train_tiny(Path(data), Path(out), *assignments, strategy=made, **changes)
    print(run.folder)  # noqa: T201


def _compare_devices(data: str, cases: dict[str, list[str]], out: str) -> None:
    """Train each case on one and on two logical devices and keep weights and histories side by side."""
    from kzoo.training.strategy import make_strategy

    mirrored = make_strategy("mirrored", 2)
    assert mirrored.num_replicas_in_sync == 2
    for case, assignments in cases.items():
        for name, strategy in (("one", make_strategy("single")), ("two", mirrored)):
            train_tiny(
                Path(data), Path(out) / case / name, *assignments, strategy=strategy, precision="float64"
            )


def _overflow_on_one_device() -> None:
    """Apply gradients that are infinite on the second of two devices only, then finite ones."""
    import keras
    import tensorflow as tf

    from kzoo.training.optimizers import SGD, LossScale
    from kzoo.training.strategy import make_strategy

    strategy = make_strategy("mirrored", 2)
    with strategy.scope():
        variable = keras.Variable(1.0, name="kernel")
        optimizer = LossScale(SGD(0.5), initial_scale=4.0)
        optimizer.build([variable])

    @tf.function
    def step(overflow: tf.Tensor) -> None:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        is_second = tf.equal(tf.convert_to_tensor(replica), 1)
        gradient = tf.where(tf.logical_and(overflow, is_second), float("inf"), 1.0)
        optimizer.apply([gradient], [variable])

    states = []
    for overflow in (True, False):
        strategy.run(step, args=(tf.constant(overflow),))
        values = (variable, optimizer.dynamic_scale, optimizer.iterations)
        states.append([float(keras.ops.convert_to_numpy(value)) for value in values])
    print(json.dumps(states))  # noqa: T201


ACTIONS: dict[str, Callable[..., None]] = {
    "train": _train,
    "compare_devices": _compare_devices,
    "overflow_on_one_device": _overflow_on_one_device,
}

if __name__ == "__main__":
    ACTIONS[sys.argv[1]](**json.loads(sys.argv[2]))
