"""What the processes of `reproduce` do: train and evaluate a run, or time the steps of several.

Run as `python -m kzoo.evaluation.worker`. It imports what trainings need, which takes as long as some of
them. Then, for each line [TASK, LOG, ENVIRONMENT] of JSON that it reads, it forks a process that does the
task with these environment variables and appends what it prints to file LOG, and it prints the exit code of
that process. Both end when the standard input does, so that they never outlive the process that started
them, however that one ends.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzoo.errors import KzooError

if TYPE_CHECKING:
    from kzoo.recipe import Recipe
    from kzoo.system import System

WARM_UP_STEPS = 2
TIMED_STEPS = 5


def train_and_evaluate(task: dict[str, Any]) -> None:
    """Train or resume the run of `task` and evaluate its final weights on the recipe's test split."""
    from kzoo import registry
    from kzoo.evaluation.evaluate import evaluate_run
    from kzoo.evaluation.judge import open_judge
    from kzoo.recipe import Recipe
    from kzoo.training.strategy import make_strategy
    from kzoo.training.tasks import find_task
    from kzoo.training.train import Training, train

    strategy = make_strategy("single")
    system, recipe = registry.find(task["system"]), Recipe.model_validate(task["recipe"])
    source = find_task(system.task).open(recipe.data, [system])
    training = Training(
        system=system,
        recipe_name=task["recipe_name"],
        recipe=recipe,
        source=source,
        out=Path(task["folder"]),
        strategy=strategy,
        quiet=True,
    )
    run = train(training)
    judge = open_judge(task["judge"], system, source) if task.get("judge") else None
    evaluate_run(run, source, recipe.data.test_split, "final", judge=judge)


def time_steps(task: dict[str, Any]) -> None:
    """Write the seconds of one training step of each run in `task` to its file, as JSON.

    The median of a few steps: one that another program held up does not count for all.
    """
    import keras

    from kzoo import registry
    from kzoo.files import write_atomic
    from kzoo.recipe import Recipe

    seconds = {}
    for name, one in task["runs"].items():
        seconds[name] = _seconds_of_a_step(registry.find(one["system"]), Recipe.model_validate(one["recipe"]))
        keras.backend.clear_session()
    write_atomic(Path(task["file"]), json.dumps(seconds) + "\n")


def _seconds_of_a_step(system: System, recipe: Recipe) -> float:
    from kzoo.training.optimizers import make_optimizer
    from kzoo.training.tasks import find_task

    task = find_task(system.task)
    source = task.open(recipe.data, [system])
    examples = task.examples(system, source, recipe.data.train_split)
    _, first_stage = recipe.in_stages()[0]
    batches = task.batches(first_stage, examples)
    model = system.build(**{**task.options(system, source), **recipe.options})
    optimizer = make_optimizer(first_stage, len(examples), [layer.name for layer in model.layers])
    model = task.compile(model, system, first_stage, optimizer, batches.element_spec)
    ends = []
    for inputs, targets in batches.take(WARM_UP_STEPS + TIMED_STEPS):
        model.train_on_batch(inputs, targets)
        ends.append(time.perf_counter())
    took = [after - before for before, after in itertools.pairwise(ends[WARM_UP_STEPS - 1 :])]
    return statistics.median(took)


ACTIONS = {"train": train_and_evaluate, "time": time_steps}


def main() -> int:
    """Do what the module says; in a forked process, return the exit code of its task."""
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    import kzoo.evaluation.evaluate
    import kzoo.training.train  # noqa: F401

    for line in sys.stdin:
        task, log, environment = json.loads(line)
        child = os.fork()
        if not child:
            os.environ.clear()
            os.environ.update(environment)
            return _perform(task, log)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    return 0


def _perform(task: dict[str, Any], log: str) -> int:
    """Do a task; an error of kzoo's own is its message and its exit code."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    try:
        ACTIONS[task["action"]](task)
    except KzooError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _end_with_standard_input() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
