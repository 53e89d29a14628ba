"""A finished run on a split of its data set: the thesis's measures, written into the run folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from kzoo import registry
from kzoo.errors import RunError, UnknownNameError, UsageError
from kzoo.evaluation.statistics import proportion_interval
from kzoo.files import sha256_of_file, write_atomic
from kzoo.training.run_folder import Run

if TYPE_CHECKING:
    from kzoo.data.pairs import PairSource
    from kzoo.data.sources import DataSource
    from kzoo.evaluation.judge import Judge

WEIGHTS = ("final", "best")
BATCH_SIZE = 100
_ON = " on "


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a run's model does on one split.

    Attributes:
        model, data, fingerprint, split: registered name; name, fingerprint and split of the data.
        weights: "final" (after the last step) or "best" (on the validation split).
        weights_sha256: of the `.keras` file; of an ensemble those of all, joined by "+".
        judge_sha256: of the weights of the network that judged what it made, or None.
        examples: in the split.
        metrics: the thesis's, by name.
        accuracy_interval: of a classifier, Wilson's 95 % score interval of the accuracy, over examples.
        class_accuracy: of a classifier, share of each class's examples that were named right; None without
            examples.
        confusion: of a classifier; rows are true classes, columns predicted ones, counts.
        predictions: of a classifier, class indices int64 (examples,), in the split's order; None when read
            from the file.
    """

    model: str
    data: str
    fingerprint: str
    split: str
    weights: str
    weights_sha256: str
    examples: int
    metrics: dict[str, float]
    accuracy_interval: tuple[float, float] | None = None
    class_accuracy: dict[str, float | None] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=list)
    judge_sha256: str | None = None
    predictions: np.ndarray | None = field(default=None, compare=False, repr=False)

    def key(self, run: Run) -> str:
        """Return the key of the run's metrics.json that it stands under.

        It is "SPLIT/WEIGHTS", as "test/final", and "SPLIT/WEIGHTS on DATA" of data that is not the run's own.
        """
        own = self.fingerprint == run.description.data["fingerprint"]
        return f"{self.split}/{self.weights}" + ("" if own else f"{_ON}{self.data}")


def open_of_run(run: Run, data: str | None = None) -> Any:
    """Open the data that a run was trained on, or other data of the same kind.

    Raises:
        DataError, UnknownNameError: if it cannot be had.
    """
    from kzoo.training.tasks import find_task

    system, recorded = registry.find(run.description.model), run.description.recipe.data
    asked_for = recorded.model_copy(update={"name": data or run.description.data["name"]})
    return find_task(system.task).open(asked_for, [system])


def evaluate_run(
    run: Run,
    source: Any,
    split: str = "test",
    which: str = "final",
    *,
    quiet: bool = True,
    judge: Judge | None = None,
) -> Evaluation:
    """Evaluate a finished run and write the result into its metrics.json, by split, weights and data.

    Args:
        run: a finished run.
        source: opened data; its classes must be those of the run.
        split: of `source`.
        which: "final" or "best"; the thesis reports the last iteration.
        quiet: no progress bar.
        judge: of what a generative model makes; its measures come beside the others.

    Raises:
        RunError: if the run has not ended, was trained on other classes, or its metrics.json is broken.
        UnknownNameError: for an unknown split.
        UsageError: for weights other than "final" and "best", and a model whose outputs are not finite.
    """
    _check(run, source, split, which)
    kept = _read_all(run)
    measure = MEASURES[registry.find(run.description.model).task]
    measured = measure(run, source, split, which, quiet)
    if judge is not None:
        judged = judge.measure(run.model(which), _examples(run, source, split))
        measured = {**measured, "metrics": {**measured["metrics"], **judged}}
    evaluation = Evaluation(
        model=run.description.model,
        data=source.name,
        fingerprint=source.fingerprint,
        split=split,
        weights=which,
        weights_sha256=sha256_of_file(run.weights_path(which)),
        judge_sha256=judge.sha256 if judge else None,
        **measured,
    )
    content = asdict(evaluation)
    del content["predictions"]
    text = json.dumps({**kept, evaluation.key(run): content}, indent=2)
    write_atomic(run.folder / "metrics.json", text + "\n")
    return evaluation


def evaluate_ensemble(
    runs: Sequence[Run], source: Any, split: str = "test", which: str = "final"
) -> Evaluation:
    """Evaluate finished runs of one model as an ensemble; nothing is written.

    Args:
        runs: of one system whose models can be joined, one or more.
        source, split, which: as `evaluate_run`.

    Raises:
        RunError, UnknownNameError, UsageError: as `evaluate_run`, and for a system that has no ensemble.
    """
    for run in runs:
        _check(run, source, split, which)
    system = registry.find(runs[0].description.model)
    arrays = source.arrays(split)
    hashes = [sha256_of_file(run.weights_path(which)) for run in runs]
    return Evaluation(
        model=system.name,
        data=source.name,
        fingerprint=source.fingerprint,
        split=split,
        weights=which,
        weights_sha256="+".join(hashes),
        examples=len(arrays["text"]),
        metrics=system.evaluate_ensemble([run.model(which) for run in runs], arrays),
    )


def _measure_classifier(run: Run, source: DataSource, split: str, which: str, quiet: bool) -> dict[str, Any]:
    from kzoo.data.pipeline import evaluation_batches, examples_of
    from kzoo.metrics.classification import confusion_matrix, labels_and_logits, measures

    model = run.model(which)
    examples = examples_of(source, split, image_size=tuple(model.input_shape[1:3]))
    batches = evaluation_batches(
        examples,
        batch_size=BATCH_SIZE,
        normalization=run.description.recipe.pipeline.normalization,
    )
    labels, logits = labels_and_logits(model, _with_bar(batches, len(examples), split, quiet))
    predictions = logits.argmax(axis=1)
    confusion = confusion_matrix(labels, predictions, len(source.classes))
    interval = proportion_interval(int(np.trace(confusion)), len(labels))
    return {
        "examples": len(labels),
        "metrics": measures(labels, logits),
        "accuracy_interval": (interval.low, interval.high),
        "class_accuracy": _class_accuracy(source.classes, confusion),
        "confusion": confusion.tolist(),
        "predictions": predictions,
    }


def _measure_matching(run: Run, source: PairSource, split: str, which: str, quiet: bool) -> dict[str, Any]:
    arrays = source.arrays(split)
    system = registry.find(run.description.model)
    with _status(f"evaluating on {split}", quiet):
        return {"examples": len(arrays["text"]), "metrics": system.evaluate(run.model(which), arrays)}


def _examples(run: Run, source: Any, split: str) -> Any:
    from kzoo.training.tasks import find_task

    system = registry.find(run.description.model)
    return find_task(system.task).examples(system, source, split)


def _measure_arrays(run: Run, source: Any, split: str, which: str, quiet: bool) -> dict[str, Any]:
    system, examples = registry.find(run.description.model), _examples(run, source, split)
    with _status(f"evaluating on {split}", quiet):
        return {"examples": len(examples), "metrics": system.evaluate(run.model(which), examples)}


MEASURES: dict[str, Callable[..., dict[str, Any]]] = {
    "classification": _measure_classifier,
    "edges": _measure_arrays,
    "matching": _measure_matching,
    "segmentation": _measure_arrays,
    "swap": _measure_arrays,
    "translation": _measure_arrays,
}


def read_evaluation(
    run: Run, fingerprint: str, split: str = "test", which: str = "final", judge: Judge | None = None
) -> Evaluation | None:
    """Return what metrics.json says of these weights on this data; None if it says nothing of them.

    With a judge, it must be that one's; without, any will do.

    Raises:
        RunError: if the run has not ended, or its metrics.json is broken.
    """
    place = f"{split}/{which}"
    for key, content in _read_all(run).items():
        if key == place or key.startswith(f"{place}{_ON}"):
            found = _read(run, content, which)
            same_judge = judge is None or (found is not None and found.judge_sha256 == judge.sha256)
            if found is not None and found.fingerprint == fingerprint and same_judge:
                return found
    return None


def _read(run: Run, content: Any, which: str) -> Evaluation | None:
    """Return an entry of metrics.json; None if it is of other weights than there are now."""
    try:
        interval = content["accuracy_interval"]
        evaluation = Evaluation(**{**content, "accuracy_interval": interval and tuple(interval)})
        for value in evaluation.metrics.values():
            float(value)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(_broken(run, error)) from error
    return evaluation if evaluation.weights_sha256 == sha256_of_file(run.weights_path(which)) else None


def _read_all(run: Run) -> dict[str, Any]:
    path = run.folder / "metrics.json"
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(_broken(run, error)) from error
    if not isinstance(content, dict):
        raise RunError(_broken(run, f"expected an object, received {type(content).__name__}"))
    return content


def _broken(run: Run, why: object) -> str:
    return f"{run.folder / 'metrics.json'} cannot be read: {why}; remove it to evaluate again"


def _check(run: Run, source: Any, split: str, which: str) -> None:
    if which not in WEIGHTS:
        raise UsageError(f"weights must be one of {', '.join(WEIGHTS)}; received {which!r}")
    if split not in source.splits:
        raise UnknownNameError(f"split of {source.name}", split, source.splits)
    trained_on = run.description.data["classes"]
    if trained_on != list(source.classes):
        raise RunError(
            f"run {run.folder} was trained on {len(trained_on)} classes ({_some(trained_on)}); "
            f"{source.name} has {len(source.classes)} ({_some(source.classes)})"
        )


def _some(classes: Iterable[str]) -> str:
    names = list(classes)
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _class_accuracy(classes: Iterable[str], confusion: np.ndarray) -> dict[str, float | None]:
    totals = confusion.sum(axis=1)
    return {
        name: float(confusion[label, label] / totals[label]) if totals[label] else None
        for label, name in enumerate(classes)
    }


def _status(text: str, quiet: bool) -> AbstractContextManager[Any]:
    from rich.console import Console

    console = Console(stderr=True)
    return nullcontext() if quiet or not console.is_terminal else console.status(text)


def _with_bar(batches: Any, examples: int, split: str, quiet: bool) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    total = -(-examples // BATCH_SIZE)
    disable = quiet or not console.is_terminal
    yield from track(batches, f"evaluating on {split}", total=total, console=console, disable=disable)
