"""One training run from description to finished folder; begun anew or resumed, the result is the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kzoo.data.pipeline import Examples, evaluation_batches, indices_of_step
from kzoo.data.sources import DataSource
from kzoo.errors import DataError, UsageError
from kzoo.files import sha256_of_file
from kzoo.recipe import Recipe
from kzoo.system import System
from kzoo.training import models
from kzoo.training.batches import recipe_batches
from kzoo.training.callbacks import (
    EpochTables,
    KeepBest,
    ProgressBar,
    StopAtNaN,
    StopAtStep,
    WriteCheckpoint,
    state_of,
)
from kzoo.training.checkpoints import Checkpoints, restore_variables
from kzoo.training.optimizers import LossScale, make_optimizer
from kzoo.training.run_folder import Origin, Run, RunDescription, environment
from kzoo.training.strategy import arrays_of_chief, decide_on_chief, has_several_workers, is_chief

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "float64")
VALIDATION_METRIC = "val_accuracy"


@dataclass(frozen=True, kw_only=True)
class Training:
    """What `train` is asked to do.

    Attributes:
        system: the model.
        recipe_name, recipe: how it is trained.
        source: on what.
        out: the run folder.
        strategy: made by `make_strategy`, before any other TensorFlow call.
        precision: one of `PRECISIONS`.
        deterministic: only deterministic TensorFlow operations, at some cost in speed.
        start: a `.keras` file to fine-tune, or None to begin from random weights.
        quiet: no progress bar.
    """

    system: System
    recipe_name: str
    recipe: Recipe
    source: DataSource
    out: Path
    strategy: tf.distribute.Strategy
    precision: str = "float32"
    deterministic: bool = False
    start: Path | None = None
    quiet: bool = False


def train(training: Training) -> Run:
    """Train, or resume, and return the finished run; a finished one is returned as it is.

    Of several workers the chief alone reads and writes `out`; the others need no such folder.

    Raises:
        UsageError: for an unknown precision, a batch that the replicas cannot share, `classes` that are not
            those of the data, and build options for a model that is loaded.
        UnknownNameError: for a layer in `freeze` or `learning_rate_multipliers` that there is not.
        RunError: if `out` holds another run or a broken checkpoint.
        DataError: if the data set lacks a split that the recipe names.
        TrainingDivergedError: if the loss or a weight becomes NaN; the last checkpoint stays.
    """
    _check(training)
    run = Run(training.out, describe(training))

    def open_folder() -> int:
        return int(Run.create_or_open(run.folder, run.description).finished)

    if decide_on_chief(training.strategy, open_folder):
        return run
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()
    with _precision(training.precision):
        _fit(training, run)
    return run


def describe(training: Training) -> RunDescription:
    """Return the description that `train` writes for what it is asked to do."""
    source, recipe, strategy = training.source, training.recipe, training.strategy
    options = {"classes": len(source.classes), **recipe.options}
    return RunDescription(
        model=training.system.name,
        options=options,
        recipe_name=training.recipe_name,
        recipe=recipe,
        data={
            "name": source.name,
            "fingerprint": source.fingerprint,
            "classes": list(source.classes),
            "examples": {name: split.examples for name, split in source.splits.items()},
            "licence": source.licence,
            "source": source.source,
        },
        strategy={"name": type(strategy).__name__, "replicas": strategy.num_replicas_in_sync},
        precision=training.precision,
        deterministic=training.deterministic,
        origin=Origin(str(training.start), sha256_of_file(training.start)) if training.start else None,
        environment=environment(),
    )


def _check(training: Training) -> None:
    recipe, source = training.recipe, training.source
    replicas = training.strategy.num_replicas_in_sync
    if training.precision not in PRECISIONS:
        raise UsageError(f"precision must be one of {', '.join(PRECISIONS)}; received {training.precision!r}")
    if recipe.batch_size % replicas:
        raise UsageError(f"batch_size {recipe.batch_size} cannot be shared by {replicas} replicas")
    classes = len(source.classes)
    if recipe.options.get("classes", classes) != classes:
        raise UsageError(f"options.classes is {recipe.options['classes']}; {source.name} has {classes}")
    if training.start is not None and recipe.options:
        raise UsageError(f"{training.start} is trained as it was built; received options {recipe.options}")
    for split in filter(None, (recipe.data.train_split, recipe.data.validation_split)):
        if split not in source.splits:
            raise DataError(
                f"data set {source.name!r} has no split {split!r}, only {', '.join(source.splits)}; "
                "set data.validation_split=null to train without validation"
            )


def _fit(training: Training, run: Run) -> None:
    recipe, system, strategy = training.recipe, training.system, training.strategy
    examples = _examples(training, recipe.data.train_split)
    total_steps = recipe.total_steps(len(examples))
    steps_per_epoch = min(recipe.steps_per_epoch(len(examples)), total_steps)

    keras.utils.set_random_seed(recipe.seed)
    with strategy.scope():
        model = _model(training)
        models.freeze(model, recipe.freeze)
        if has_several_workers(strategy):
            model = models.for_several_workers(model, recipe_batches(recipe, examples))
        _compile(model, recipe, len(examples))

    checkpoints = Checkpoints(run.folder / "checkpoints")
    first_step = _restore(strategy, checkpoints, state_of(model))
    first_epoch = _ceiling(first_step, steps_per_epoch)
    bar = ProgressBar(
        f"{system.name} on {training.source.name}", total_steps, first_step, quiet=training.quiet
    )
    reduction = (
        models.scalar_metrics_reduced_over_workers()
        if has_several_workers(strategy)
        else contextlib.nullcontext()
    )
    writers = (
        _writers(run, recipe, checkpoints, total_steps, steps_per_epoch, first_epoch)
        if is_chief(strategy)
        else []
    )
    try:
        with reduction:
            model.fit(
                recipe_batches(recipe, examples, first_step),
                validation_data=_validation(training),
                initial_epoch=first_epoch,
                epochs=_ceiling(total_steps, steps_per_epoch),
                steps_per_epoch=steps_per_epoch,
                callbacks=[
                    StopAtNaN(steps_per_epoch, _ids(examples, recipe)),
                    StopAtStep(total_steps, steps_per_epoch),
                    *writers,
                    bar,
                ],
                shuffle=False,
                verbose=0,
            )
    finally:
        bar.close()
    if is_chief(strategy):
        _finish(run, model)


def _ceiling(steps: int, steps_per_epoch: int) -> int:
    return -(-steps // steps_per_epoch)


def _restore(strategy: tf.distribute.Strategy, checkpoints: Checkpoints, variables: Sequence[Any]) -> int:
    """Restore the newest checkpoint that the chief has on every worker, and return its step."""
    step = decide_on_chief(strategy, lambda: checkpoints.restore_latest(variables))
    if step and has_several_workers(strategy):
        values = [keras.ops.convert_to_numpy(variable) for variable in variables]
        for variable, value in zip(variables, arrays_of_chief(strategy, values), strict=True):
            variable.assign(value)
    return step


def _model(training: Training) -> keras.Model:
    classes = len(training.source.classes)
    if training.start is not None:
        start = models.with_precision(models.load_model(training.start), training.precision)
        return models.with_classes(start, classes)
    return training.system.build(**{"classes": classes, **training.recipe.options})


def _compile(model: keras.Model, recipe: Recipe, examples: int) -> None:
    optimizer = make_optimizer(recipe, examples, [layer.name for layer in model.layers])
    if keras.config.dtype_policy().name == "mixed_float16":
        optimizer = LossScale(optimizer, name="loss_scale")
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, name=recipe.loss, dtype=keras.config.dtype_policy().variable_dtype
        ),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    model.optimizer.build(model.trainable_variables)


def _examples(training: Training, split: str) -> Examples:
    return Examples.of(training.source.arrays(split, image_size=training.system.image_size))


def _validation(training: Training) -> tf.data.Dataset | None:
    recipe = training.recipe
    if recipe.data.validation_split is None:
        return None
    return evaluation_batches(
        _examples(training, recipe.data.validation_split),
        batch_size=recipe.batch_size,
        normalization=recipe.pipeline.normalization,
    )


def _writers(
    run: Run,
    recipe: Recipe,
    checkpoints: Checkpoints,
    total_steps: int,
    steps_per_epoch: int,
    first_epoch: int,
) -> Sequence[keras.callbacks.Callback]:
    keep_best = [KeepBest(run.folder, VALIDATION_METRIC, first_epoch)] if recipe.data.validation_split else []
    return [
        EpochTables(run.folder, first_epoch),
        keras.callbacks.TensorBoard(str(run.folder / "tensorboard"), write_graph=False),
        *keep_best,
        WriteCheckpoint(checkpoints, total_steps, steps_per_epoch),
    ]


def _ids(examples: Examples, recipe: Recipe) -> Callable[[int], list[str]]:
    def ids_of_step(step: int) -> list[str]:
        chosen = indices_of_step(len(examples), batch_size=recipe.batch_size, seed=recipe.seed, step=step)
        return [str(name) for name in examples.ids[chosen]]

    return ids_of_step


def _finish(run: Run, model: keras.Model) -> None:
    best = run.folder / "best.npz"
    if best.is_file():
        kept = models.plain_copy(model)
        restore_variables(best, kept.weights)
        models.save_model(kept, run.folder / "best.keras")
    models.save_model(model, run.folder / "final.keras")


@contextlib.contextmanager
def _precision(policy: str) -> Any:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
