"""Images for rounding a trained classifier to int8: some to calibrate it on, others to measure it on."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kzoo import registry
from kzoo.errors import UsageError
from kzoo.export.litert import Labelled, LiteRTInt8
from kzoo.training.run_folder import Run
from kzoo.training.tasks import find_task

CALIBRATION_IMAGES = 200
CLASSIFICATION = "classification"


def int8_of_run(run: Run, calibrate: str | None = None) -> LiteRTInt8:
    """Return the form in which a run's classifier is written in int8.

    It is calibrated on CALIBRATION_IMAGES images of the training split, spread over it, and measured on the
    whole validation split of the run's own data: the test split stays unseen.

    Args:
        run: a finished run of a classifier.
        calibrate: another data set, or folder, to calibrate on; its labels do not matter.

    Raises:
        UsageError: if the run is of no classifier, or its data have no validation split.
        DataError, UnknownNameError: if the data cannot be had.
    """
    description = run.description
    system, recipe = registry.find(description.model), description.recipe
    if system.task != CLASSIFICATION:
        raise UsageError(
            f"int8 is held to a classifier's accuracy: expected a run of the kind {CLASSIFICATION!r}; "
            f"{system.name} is of the kind {system.task!r}"
        )
    split = recipe.data.validation_split
    if split is None:
        raise UsageError(f"{run.folder} was trained without a validation split, which int8 is measured on")

    def images(data: str, part: str, count: int | None) -> Labelled:
        task = find_task(system.task)
        source = task.open(recipe.data.model_copy(update={"name": data}), [system])
        examples = task.examples(system, source, part)
        indices = np.linspace(0, len(examples) - 1, min(count or len(examples), len(examples))).astype(
            np.int64
        )
        pixels, labels = examples.reader(run.model().input_shape[1:3])(tf.constant(indices))
        return Labelled(f"{source.name}, split {part}", pixels.numpy(), labels.numpy())

    own = description.data["name"]
    return LiteRTInt8(
        calibration=images(calibrate or own, recipe.data.train_split, CALIBRATION_IMAGES),
        measured=images(own, split, None),
    )
