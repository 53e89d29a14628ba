"""Networks that judge what generative models make: FCN score of translations, inception score of swaps.

Scores by different judges do not compare; which one it was stands in metrics.json by its hash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kzoo import registry
from kzoo.errors import RunError, UsageError
from kzoo.evaluation.fcn_score import fcn_score, oracle_score
from kzoo.evaluation.processes import Job, run_jobs
from kzoo.evaluation.table import TableDefinition
from kzoo.files import sha256_of_file
from kzoo.metrics.inception import SPLITS, inception_score
from kzoo.system import System
from kzoo.training.run_folder import Run

EFFICIENTNET = "efficientnet_lite0"
BATCH_SIZE = 32
PICTURES_A_SPLIT = 10
"""At least; of fewer pictures the score is taken over all of them together."""


@dataclass(frozen=True)
class Judge:
    """One network that judges.

    Attributes:
        name: the run's folder, or `EFFICIENTNET`.
        sha256: of its weights.
        measure: function (model, examples) -> metrics by name.
    """

    name: str
    sha256: str
    measure: Callable[[keras.Model, Any], Mapping[str, float]]


def open_judge(name: str, system: System, source: Any) -> Judge:
    """Open what judges the models of a system.

    Args:
        name: of translations a finished run of a segmentation network; of swaps a finished run of a
            classifier, or "efficientnet_lite0", ImageNet's classes.
        system: of the models that are judged.
        source: the data that they are judged on.

    Raises:
        UsageError: if models of this kind have no judge, the judge is of another kind or of other classes,
            or A is no label maps.
        RunError: if the run cannot be read or has not ended.
        DataError: if the package of EfficientNet's weights is missing.
    """
    if system.task == "translation":
        return _segmenter(name, source)
    if system.task == "swap":
        return _efficientnet() if name == EFFICIENTNET else _classifier(name)
    raise UsageError(f"--judge is for translations and swaps; {system.name} is of task {system.task}")


def _run_of(name: str, task: str) -> Run:
    run = Run.open(Path(name))
    found = registry.find(run.description.model)
    if found.task != task:
        raise UsageError(
            f"expected a judge of task {task}; {name} is a run of {found.name}, task {found.task}"
        )
    return run


def _segmenter(name: str, source: Any) -> Judge:
    colors = source.label_colors
    if not colors:
        raise UsageError(f"FCN scores are of pictures made from label maps; A of {source.name} is none")
    run = _run_of(name, "segmentation")
    if run.description.data["classes"] != list(colors):
        raise UsageError(
            f"the judge {name} tells {', '.join(run.description.data['classes'])}; expected "
            f"{', '.join(colors)}"
        )
    network = run.model("best")

    def measure(model: keras.Model, examples: Any) -> Mapping[str, float]:
        real = oracle_score(network, examples.b, examples.a, colors)
        return {
            **fcn_score(model, network, examples.a, colors),
            **{f"oracle_{key}": value for key, value in real.items()},
        }

    return Judge(name, sha256_of_file(run.weights_path("best")), measure)


def _efficientnet() -> Judge:
    from kzoo.backbones.efficientnet_lite0 import IMAGE_SIZE, SHA256, pretrained

    network = pretrained(top=True)
    return Judge(
        EFFICIENTNET, SHA256, _inception(network, IMAGE_SIZE, lambda images: images.astype("float32"))
    )


def _classifier(name: str) -> Judge:
    from kzoo.data.pipeline import normalize

    run = _run_of(name, "classification")
    normalization = run.description.recipe.pipeline.normalization
    network = run.model("best")
    size = tuple(network.input_shape[1:3])
    measure = _inception(network, size, lambda images: normalize(images, normalization))
    return Judge(name, sha256_of_file(run.weights_path("best")), measure)


def _inception(
    network: keras.Model, size: tuple[int, int], normalized: Callable[[np.ndarray], Any]
) -> Callable[[keras.Model, Any], Mapping[str, float]]:
    """Return what measures inception scores, over ten splits where there are pictures enough, or over one."""
    from kzoo.data.images import resize_image
    from kzoo.metrics.classification import logits_of
    from kzoo.systems.swapgan.evaluate import generated

    def measure(model: keras.Model, examples: Any) -> Mapping[str, float]:
        found = {}
        for name, pictures in generated(model, examples).items():
            resized = np.concatenate(
                [
                    np.asarray(resize_image(pictures[first : first + BATCH_SIZE], size))
                    for first in range(0, len(pictures), BATCH_SIZE)
                ]
            )
            logits = logits_of(network.predict(normalized(resized), batch_size=BATCH_SIZE, verbose=0))
            enough = len(pictures) >= SPLITS * PICTURES_A_SPLIT
            score = inception_score(logits, splits=SPLITS if enough else 1)
            found[f"inception_score_{name}"] = score.mean
            found[f"inception_score_{name}_deviation"] = score.deviation
        return found

    return measure


def judge_of_table(table: TableDefinition, data: str, folder: Path, given: str | None) -> str | None:
    """Return the name of a table's judge for `open_judge`, trained first where it is none yet.

    Args:
        table: on these data.
        data: that its rows are trained on.
        folder: of its runs, and the judge's.
        given: a judge to take in its place.

    Raises:
        UsageError: for a judge of a table that has none on these data.
        RunError: if it cannot be trained.
    """
    judging = table.judging
    if judging is None:
        if given is not None:
            raise UsageError(f"table {table.table} on {data} has no judge; received {given}")
        return None
    if given is not None or not judging.trained_on:
        return given or judging.judge
    place = folder / f"judge-{judging.judge}"
    if not (place / "final.keras").is_file():
        system = registry.find(judging.judge)
        recipe_name, recipe = system.recipe_for(judging.trained_on[data])
        task = {
            "action": "train",
            "system": system.name,
            "recipe_name": recipe_name,
            "recipe": recipe.model_dump(mode="json"),
            "folder": str(place),
        }
        failures = run_jobs([Job(name="judge", task=task, log=place.with_suffix(".log"))], 1)
        if failures:
            raise RunError(f"the judge {failures[0].reason}")
    return str(place)
