"""Time and memory of one train step of the vanilla CycleGAN beside the same networks in PyTorch.

`python tools/bench/synthesis.py [--python OTHER_PYTHON] [--side 256] [--rounds 5]`. PyTorch is installed
beside the zoo, in an environment that goes when the bench ends, unless a Python that has it is given. Each
side is a process of its own with all cores; they take steps in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

LEARNING_RATE = 2e-4
PARAMETERS = 28_285_832
Step = Callable[[], float]


def our_step(side: int) -> Step:
    """Return a step of kzoo's `cyclegan` as it trains by its recipe; it returns the sum of the losses."""
    import numpy as np
    import tensorflow as tf

    from kzoo import registry
    from kzoo.training.optimizers import Adam
    from kzoo.training.tasks import find_task

    system = registry.find("cyclegan")
    recipe = system.recipe("house")
    spec = {name: tf.TensorSpec((1, side, side, 3), tf.float32) for name in ("a", "b")}
    optimizer = Adam(LEARNING_RATE, beta_1=0.5)
    model = find_task("translation").compile(system.build(), system, recipe, optimizer, (spec, {}))
    _check(sum(int(np.prod(weight.shape)) for weight in model.trainable_weights))
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 1, side, side, 3)).astype("float32")
    batch = {"a": tf.constant(pictures[0]), "b": tf.constant(pictures[1])}
    return lambda: float(model.train_on_batch(batch, {}, return_dict=True)["loss"])


def torch_step(side: int) -> Step:
    """Return the same step written straight in PyTorch."""
    from synthesis_torch import step_of

    step, parameters = step_of(side)
    _check(parameters)
    return step


def _check(parameters: int) -> None:
    if parameters != PARAMETERS:
        raise SystemExit(f"the networks have {parameters:,} parameters; expected {PARAMETERS:,}")


STEPS = {"kzoo": our_step, "torch": torch_step}


def serve_steps(name: str, side: int) -> None:
    """Take a step for each line of standard input, and write its seconds, loss and the peak memory in MiB."""
    step = STEPS[name](side)
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = step()
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "loss": loss, "peak_mib": peak}), flush=True)


class Side:
    """A process that takes steps when asked."""

    def __init__(self, python: Path, name: str, side: int) -> None:
        command = [str(python), __file__, "--worker", name, "--side", str(side)]
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def step(self) -> dict[str, float]:
        """Take a step and return what is said of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the process of {self.name} ended with {self.process.wait()}")
        found: dict[str, float] = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def measure(python: Path, side: int, rounds: int) -> list[dict[str, Any]]:
    """Return the line of results."""
    sides = [Side(Path(sys.executable), "kzoo", side), Side(python, "torch", side)]
    try:
        first = [one.step() for one in sides]
        steps: list[list[dict[str, float]]] = [[], []]
        for number in range(rounds):
            for index in (0, 1) if number % 2 == 0 else (1, 0):
                steps[index].append(sides[index].step())
    finally:
        for one in sides:
            one.close()
    ours, theirs = ([step["seconds"] for step in taken] for taken in steps)
    ratios = sorted(one / other for one, other in zip(ours, theirs, strict=True))
    return [
        {
            "what": f"train step, cyclegan, {side}x{side}, batch 1",
            "seconds": statistics.median(ours),
            "torch_seconds": statistics.median(theirs),
            "ratio": statistics.median(ratios),
            "ratio_low": ratios[0],
            "ratio_high": ratios[-1],
            "first_step_seconds": first[0]["seconds"],
            "torch_first_step_seconds": first[1]["seconds"],
            "peak_mib": max(step["peak_mib"] for step in steps[0]),
            "torch_peak_mib": max(step["peak_mib"] for step in steps[1]),
            "rounds": rounds,
            "load": os.getloadavg()[0],
        }
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the bench and write results/synthesis-step.csv."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, help="a Python that has torch already")
    parser.add_argument("--side", type=int, default=256, help="pixels")
    parser.add_argument("--rounds", type=int, default=5, help="steps of each side that are timed")
    parser.add_argument("--worker", choices=STEPS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.worker:
        serve_steps(given.worker, given.side)
        return
    from _common import write_results
    from other_python import make_environment

    with tempfile.TemporaryDirectory() as scratch:
        python = given.python or make_environment(Path(scratch) / "environment", ("torch", "numpy"))
        write_results("synthesis-step", measure(python, given.side, given.rounds))


if __name__ == "__main__":
    main()
