"""A run of the pipeline in a process of its own that kills itself, as kill -9 does, at a moment told.

As a program it is called with the folder and, to die, with the component and the name of the moment.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import processes
from PIL import Image

from kzoo import registry
from tfx_pipeline.settings import Settings

Moment = Callable[[str, tuple[Any, ...]], bool]
HANG_SECONDS = 1800
METRICS = {"Evaluator": "accuracy", "KzooEvaluator": "mean_average_precision"}
"""By which each evaluator is the one that decides."""


def settings_in(folder: Path, evaluator: str = "Evaluator") -> Settings:
    """Return the settings of the smallest network, one epoch of it, that is always blessed."""
    system = registry.find("cfn_a")
    recipe = system.recipe("house_emoji").override(
        [
            "epochs=1",
            "batch_size=4",
            f"blessing={{at_least: 0, worse_by: 1, metric: {METRICS[evaluator]}}}",
        ]
    )
    root = folder / "pipeline"
    return Settings(
        system="cfn_a",
        recipe_name="house_emoji",
        recipe=recipe.model_copy(update={"options": dict(system.tiny)}),
        spans=root / "spans",
        root=root,
        destination=folder / "savedmodels",
        index=True,
        keep=2,
        strategy="single",
    )


def pictures(folder: Path, seed: int) -> Path:
    """Draw a folder of images of two classes, eight of each in each split."""
    generator = np.random.default_rng(seed)
    for split in ("train", "validation", "test"):
        for name in ("dark", "light"):
            (folder / split / name).mkdir(parents=True)
            for number in range(8):
                pixels = generator.integers(0, 60, (32, 32, 3), np.uint8) + (180 if name == "light" else 0)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / split / name / f"{seed}-{number}.png")
    return folder


def as_it_begins(event: str, arguments: tuple[Any, ...]) -> bool:
    """Be the moment at which a component begins."""
    return event == "kzoo.component_begins"


def before_a_checkpoint_has_its_name(event: str, arguments: tuple[Any, ...]) -> bool:
    """Be the moment at which training has written a checkpoint aside."""
    return event == "os.rename" and "checkpoints" in str(arguments[1])


def before_a_version_has_its_name(event: str, arguments: tuple[Any, ...]) -> bool:
    """Be the moment at which a version is written aside."""
    return (
        event == "os.rename" and Path(str(arguments[0])).name.endswith(".part") and _is_number(arguments[1])
    )


def before_a_process_starts(event: str, arguments: tuple[Any, ...]) -> bool:
    """Be the moment at which a component starts a process."""
    return event == "subprocess.Popen"


def run(
    folder: Path, component: str = "", moment: Moment = as_it_begins, evaluator: str = "Evaluator"
) -> int:
    """Run the pipeline, killed in `component` at `moment`, or to its end; return the exit code."""
    told = (folder, component, moment.__name__, evaluator)
    return processes.run(__file__, *told, timeout=HANG_SECONDS).returncode


def output(folder: Path) -> str:
    """Run the pipeline, which fails, and return what it says."""
    told = (folder, "", as_it_begins.__name__, "Evaluator")
    ended = processes.run(__file__, *told, timeout=HANG_SECONDS)
    assert ended.returncode == 1, ended.stderr
    return ended.stderr


def _run(folder: Path, component: str, moment: Moment, evaluator: str) -> None:
    from tfx_pipeline.runs import run_local

    begun = ""

    def die(event: str, arguments: tuple[Any, ...]) -> None:
        if component and begun == component and moment(event, arguments):
            os.kill(os.getpid(), signal.SIGKILL)

    def say(name: str) -> None:
        nonlocal begun
        begun = name
        sys.audit("kzoo.component_begins")

    sys.addaudithook(die)
    run_local(settings_in(folder, evaluator), say)


def _is_number(path: object) -> bool:
    return Path(str(path)).name.isdecimal()


if __name__ == "__main__":
    _, place, where, when, by = sys.argv
    sys.argv = ["kzoo"]  # absl reads flags from it
    _run(Path(place), where, globals()[when], by)
