"""What one process of `reproduce` does: train and evaluate one run, or time the steps of several.

`python -m kzoo.evaluation.worker TASK`, with the task as JSON. The process ends when its standard input
does, so that it never outlives the process that started it, however that one ends.
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


def _end_with_standard_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)


ACTIONS = {"train": train_and_evaluate, "time": time_steps}


def main() -> int:
    """Do the task of the command line; an error of kzoo's own is its message and its exit code."""
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    task = json.loads(sys.argv[1])
    try:
        ACTIONS[task["action"]](task)
    except KzooError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
