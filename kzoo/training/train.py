"""One training run from description to finished folder; begun anew or resumed, the result is the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kzoo.data.pipeline import indices_of_step
from kzoo.errors import DataError, UsageError
from kzoo.files import sha256_of_file
from kzoo.recipe import Recipe
from kzoo.system import System
from kzoo.training import models
from kzoo.training.adversarial import kept_weights
from kzoo.training.callbacks import (
    EpochTables,
    KeepBest,
    ProgressBar,
    ReduceOnPlateau,
    StopAtNaN,
    StopAtStep,
    WriteCheckpoint,
    state_of,
)
from kzoo.training.checkpoints import Checkpoints, restore_variables, save_variables
from kzoo.training.optimizers import LossScale, make_optimizer
from kzoo.training.run_folder import Origin, Run, RunDescription, environment, held_alone
from kzoo.training.stage import Stage
from kzoo.training.strategy import arrays_of_chief, decide_on_chief, has_several_workers, is_chief
from kzoo.training.tasks import Examples, Source, Task, Validation, find_task

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "float64")


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
    source: Source
    out: Path
    strategy: tf.distribute.Strategy
    precision: str = "float32"
    deterministic: bool = False
    start: Path | None = None
    quiet: bool = False

    @property
    def task(self) -> Task:
        """The kind of problem."""
        return find_task(self.system.task)

    @property
    def options(self) -> dict[str, Any]:
        """The build options: those that the data decide, then the recipe's."""
        return {**self.task.options(self.system, self.source), **self.recipe.options}


def train(training: Training) -> Run:
    """Train, or resume, and return the finished run; a finished one is returned as it is.

    Of several workers the chief alone reads and writes `out`; the others need no such folder.

    Raises:
        UsageError: for an unknown precision, a batch that the replicas cannot share, `classes` that are not
            those of the data, and build options for a model that is loaded.
        UnknownNameError: for a layer in `freeze` or `learning_rate_multipliers` that there is not.
        RunError: if `out` holds another run or a broken checkpoint, or another process trains into it.
        DataError: if the data set lacks a split that the recipe names.
        TrainingDivergedError: if the loss or a weight becomes NaN; the last checkpoint stays.
    """
    _check(training)
    run = Run(training.out, describe(training))

    with contextlib.ExitStack() as held:

        def open_folder() -> int:
            finished = Run.create_or_open(run.folder, run.description).finished
            if not finished:
                held.enter_context(held_alone(run.folder))
            return int(finished)

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
    return RunDescription(
        model=training.system.name,
        options=training.options,
        recipe_name=training.recipe_name,
        recipe=recipe,
        data={
            "name": source.name,
            "fingerprint": source.fingerprint,
            "classes": list(source.classes),
            "examples": {name: split.examples for name, split in source.splits.items()},
            "licence": source.licence,
            "source": source.source,
            **training.task.description(source),
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
    for name, value in training.task.options(training.system, source).items():
        if recipe.options.get(name, value) != value:
            raise UsageError(f"options.{name} is {recipe.options[name]}; {source.name} has {value}")
    if training.start is not None and recipe.options:
        raise UsageError(f"{training.start} is trained as it was built; received options {recipe.options}")
    for split in filter(None, (recipe.data.train_split, recipe.data.validation_split)):
        if split not in source.splits:
            raise DataError(
                f"data set {source.name!r} has no split {split!r}, only {', '.join(source.splits)}; "
                "set data.validation_split=null to train without validation"
            )


def _fit(training: Training, run: Run) -> None:
    """Train stage after stage; those that have ended are not trained again."""
    task, system, source = training.task, training.system, training.source
    examples = task.examples(system, source, training.recipe.data.train_split)
    keras.utils.set_random_seed(training.recipe.seed)
    with training.strategy.scope():
        model = _model(training)
    stages = training.recipe.in_stages()
    first_epoch = 0
    for number, (name, recipe) in enumerate(stages):
        stage = Stage(
            name=name,
            recipe=recipe,
            total_steps=recipe.total_steps(len(examples)),
            steps_per_epoch=min(recipe.steps_per_epoch(len(examples)), recipe.total_steps(len(examples))),
            epochs_before=first_epoch,
            last=number == len(stages) - 1,
        )
        model = _fit_stage(training, run, model, stage, examples)
        first_epoch += stage.epochs
    if is_chief(training.strategy):
        _finish(run, model)


def _fit_stage(
    training: Training, run: Run, model: keras.Model, stage: Stage, examples: Examples
) -> keras.Model:
    recipe, strategy, task = stage.recipe, training.strategy, training.task
    end = run.folder / "stages" / f"{stage.name}.npz"
    if decide_on_chief(strategy, lambda: int(not stage.last and end.is_file())):
        _restore_end(strategy, end, model.variables)
        return model
    batches = task.batches(recipe, examples)
    with strategy.scope():
        if stage.name:
            models.unfreeze(model)
        models.freeze(model, recipe.freeze)
        if has_several_workers(strategy):
            model = models.for_several_workers(model, batches)
        model = _compiled(training, model, stage, examples, batches.element_spec)

    checkpoints = Checkpoints(run.folder / "checkpoints" / stage.name)
    first_step = _restore(strategy, checkpoints, state_of(model))
    first_epoch = _ceiling(first_step, stage.steps_per_epoch)
    title = f"{training.system.name} on {training.source.name}" + (f", {stage.name}" if stage.name else "")
    bar = ProgressBar(title, stage.total_steps, first_step, quiet=training.quiet)
    reduction = (
        models.scalar_metrics_reduced_over_workers()
        if has_several_workers(strategy)
        else contextlib.nullcontext()
    )
    validation = _validation(training, model, recipe)
    if recipe.schedule.kind == "plateau" and has_several_workers(strategy):
        raise UsageError("schedule.kind: plateau, which watches the chief's tables, needs a single worker")
    metric = training.system.validation_metric or task.validation_metric
    writers = _writers(run, stage, metric, checkpoints, first_epoch) if is_chief(strategy) else []
    samples = _samples(training, run, model, stage) if is_chief(strategy) else []
    try:
        with reduction:
            model.fit(
                task.batches(recipe, examples, first_step),
                validation_data=validation.batches,
                initial_epoch=first_epoch,
                epochs=stage.epochs,
                steps_per_epoch=stage.steps_per_epoch,
                callbacks=[
                    StopAtNaN(stage.steps_per_epoch, _ids(examples, recipe)),
                    StopAtStep(stage.total_steps, stage.steps_per_epoch),
                    *validation.callbacks,
                    *samples,
                    *writers,
                    bar,
                ],
                shuffle=False,
                verbose=0,
            )
    finally:
        bar.close()
    if not stage.last and is_chief(strategy):
        save_variables(end, model.variables)
    return model


def _ceiling(steps: int, steps_per_epoch: int) -> int:
    return -(-steps // steps_per_epoch)


def _restore(strategy: tf.distribute.Strategy, checkpoints: Checkpoints, variables: Sequence[Any]) -> int:
    """Restore the newest checkpoint that the chief has on every worker, and return its step."""
    step = decide_on_chief(strategy, lambda: checkpoints.restore_latest(variables))
    if step:
        _take_those_of_chief(strategy, variables)
    return step


def _restore_end(strategy: tf.distribute.Strategy, end: Path, variables: Sequence[Any]) -> None:
    """Restore on every worker what the chief has of the end of a stage."""
    if is_chief(strategy):
        restore_variables(end, variables)
    _take_those_of_chief(strategy, variables)


def _take_those_of_chief(strategy: tf.distribute.Strategy, variables: Sequence[Any]) -> None:
    if has_several_workers(strategy):
        values = [keras.ops.convert_to_numpy(variable) for variable in variables]
        for variable, value in zip(variables, arrays_of_chief(strategy, values), strict=True):
            variable.assign(value)


def _model(training: Training) -> keras.Model:
    if training.start is not None:
        start = models.with_precision(models.load_model(training.start), training.precision)
        return training.task.adapted(start, training.source)
    return training.system.build(**training.options)


def _compiled(
    training: Training, model: keras.Model, stage: Stage, examples: Examples, batch: Any
) -> keras.Model:
    optimizer = make_optimizer(stage.recipe, len(examples), [layer.name for layer in model.layers])
    if keras.config.dtype_policy().name == "mixed_float16":
        optimizer = LossScale(optimizer, name="loss_scale")
    model = training.task.compile(model, training.system, stage.recipe, optimizer, batch)
    model.optimizer.build(model.trainable_variables)
    return model


def _validation(training: Training, model: keras.Model, recipe: Recipe) -> Validation:
    split = recipe.data.validation_split
    if split is None:
        return Validation()
    examples = training.task.examples(training.system, training.source, split)
    return training.task.validation(model, training.system, recipe, examples)


def _samples(
    training: Training, run: Run, model: keras.Model, stage: Stage
) -> Sequence[keras.callbacks.Callback]:
    split = stage.recipe.data.validation_split
    if split is None:
        return ()
    examples = training.task.examples(training.system, training.source, split)
    return training.task.samples(model, examples, run.folder, run.folder / "tensorboard" / stage.name)


def _writers(
    run: Run, stage: Stage, metric: str | None, checkpoints: Checkpoints, first_epoch: int
) -> Sequence[keras.callbacks.Callback]:
    recipe, epoch = stage.recipe, stage.epochs_before + first_epoch
    validated = recipe.data.validation_split is not None
    if recipe.schedule.kind == "plateau" and not validated:
        raise UsageError("schedule.kind: plateau needs data.validation_split, whose metric it watches")
    if recipe.schedule.kind == "plateau" and metric is None:
        raise UsageError("schedule.kind: plateau needs a metric to watch, which this kind of problem lacks")
    tables = EpochTables(run.folder, epoch, stage.epochs_before)
    falling = metric if recipe.schedule.kind == "plateau" else None
    return [
        *([ReduceOnPlateau(recipe, falling, tables.history, stage.epochs_before)] if falling else []),
        tables,
        keras.callbacks.TensorBoard(str(run.folder / "tensorboard" / stage.name), write_graph=False),
        *([KeepBest(run.folder, metric, first_epoch)] if metric and validated and stage.last else []),
        WriteCheckpoint(checkpoints, stage.total_steps, stage.steps_per_epoch),
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
    final = models.plain_copy(model)
    final.set_weights(kept_weights(model))
    models.save_model(final, run.folder / "final.keras")


@contextlib.contextmanager
def _precision(policy: str) -> Any:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
