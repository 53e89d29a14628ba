"""A run that diverges stops, says where, and has its last good checkpoint."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from training_helpers import STEPS_PER_EPOCH, make_training

from kzoo.data.pipeline import Examples, indices_of_step, training_batches
from kzoo.errors import TrainingDivergedError
from kzoo.training.optimizers import make_optimizer
from kzoo.training.train import Training, train

# The rate is sound for one epoch and a half; from step 6 on it is not.
DIVERGING = ["schedule={kind: piecewise, boundaries: [1.5], factor: 1.0e+20}"]
# The update of step 7, the last of the second epoch, leaves no finite weights behind a finite loss: a rate of
# 1e36 times a factor of 1e20 has no float32.
INFINITE = [
    "optimizer.learning_rate=1.0e-22",
    "optimizer.learning_rate_multipliers={logits: 1.0e+20}",
    "schedule={kind: piecewise, boundaries: [1.75], factor: 1.0e+58}",
]


def message_of(training: Training) -> str:
    with pytest.raises(TrainingDivergedError) as raised:
        train(training)
    assert raised.value.exit_code == 7
    return str(raised.value)


def examples_of(training: Training) -> Examples:
    return Examples.of(training.source.arrays("train", image_size=(32, 32)))


def losses_of_steps(training: Training, steps: int) -> list[float]:
    """Train beside `train`, by hand, and return the loss of each step."""
    recipe, examples = training.recipe, examples_of(training)
    keras.utils.set_random_seed(recipe.seed)
    model = training.system.build(classes=3, **recipe.options)
    model.compile(
        make_optimizer(recipe, len(examples), [layer.name for layer in model.layers]),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    batches = training_batches(
        examples,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        normalization=recipe.pipeline.normalization,
        augmentation=recipe.pipeline.augmentation,
        padding=recipe.pipeline.padding,
    )
    losses = []
    for image, label in batches.take(steps):
        model.reset_metrics()
        losses.append(float(model.train_on_batch(image, label)))
    return losses


def ids_of_step(training: Training, step: int) -> list[str]:
    examples, recipe = examples_of(training), training.recipe
    chosen = indices_of_step(len(examples), batch_size=recipe.batch_size, seed=recipe.seed, step=step)
    return [str(name) for name in examples.ids[chosen]]


def is_finite(checkpoint: Path) -> bool:
    with np.load(checkpoint) as archive:
        return all(np.isfinite(archive[name]).all() for name in archive.files)


def test_the_step_and_the_examples_are_named_and_the_checkpoint_stays(pictures: Path, tmp_path: Path) -> None:
    training = make_training(pictures, tmp_path / "run", *DIVERGING)
    losses = losses_of_steps(training, 8)
    step = next(number for number, loss in enumerate(losses) if not np.isfinite(loss))
    assert step > STEPS_PER_EPOCH

    message = message_of(training)
    assert re.match(rf"the loss became (nan|inf) at step {step} \(epoch 2, batch {step - 3}: ", message)
    ids = ids_of_step(training, step)
    assert f": {', '.join(ids[:5])} and 3 more); a smaller optimizer.learning_rate" in message
    (checkpoint,) = (tmp_path / "run" / "checkpoints").iterdir()
    assert checkpoint.name == "step-000000004.npz"
    assert is_finite(checkpoint)
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 2
    assert not (tmp_path / "run" / "final.keras").exists()

    written = checkpoint.read_bytes()
    assert message_of(training) == message
    assert checkpoint.read_bytes() == written


def test_weights_that_are_not_finite_are_never_kept(pictures: Path, tmp_path: Path) -> None:
    training = make_training(pictures, tmp_path / "run", *INFINITE)
    message = message_of(training)
    assert re.match(r"the update left NaN or infinity in \S+ at step 7 \(epoch 2, batch 4: ", message)
    assert ids_of_step(training, 7)[0] in message
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-000000004.npz"]
    assert is_finite(tmp_path / "run" / "best.npz")
    assert '"epoch": 1' in (tmp_path / "run" / "best.json").read_text()
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 2
