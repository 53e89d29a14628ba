"""Write a model as a version that a server can load, verified before it is visible."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import keras
import tensorflow as tf

from kzoo import registry
from kzoo.cards import CODE_LICENCE, THESIS
from kzoo.errors import ExportError, KzooError, UsageError
from kzoo.export.card import (
    CARD_FILE,
    KERAS_FILE,
    PAGE_FILE,
    Card,
    DataRecord,
    Input,
    Licence,
    TrainingRecord,
)
from kzoo.export.check import count_parameters, describe_files, input_shapes
from kzoo.export.forms import Form, SavedModel
from kzoo.export.page import render_page
from kzoo.export.requests import make_requests
from kzoo.files import folder_written_aside
from kzoo.serving.versions import version_numbers
from kzoo.system import System
from kzoo.training.models import save_model
from kzoo.training.run_folder import Run, environment

UNKNOWN_WEIGHTS_LICENCE = "not stated: where the weights come from was not recorded"


def export_run(
    run: Run,
    out: Path,
    *,
    form: Form | None = None,
    version: int | None = None,
    which: Literal["best", "final"] = "best",
    examples: Sequence[bytes] = (),
    weights_licence: str | None = None,
    quiet: bool = False,
) -> Path:
    """Export the trained model of a run, with all that the run knows of it on the card.

    Args:
        run: a finished run.
        out: folder of all exports.
        form, version: see `export_model`.
        which: its best weights, by validation, or the final ones.
        examples: encoded images for the warm-up requests; test patterns where there are none.
        weights_licence: terms of the weights; by default what the licence of the training data suggests.
        quiet: no progress bar.

    Returns:
        The new folder OUT/NAME/VERSION.

    Raises:
        RunError: if the run has not ended or its model cannot be read.
        UnknownNameError: if its model is not registered.
        ExportError: as `export_model`; or if its metrics.json cannot be read.
    """
    description = run.description
    system = registry.find(description.model)
    data = DataRecord.of(description.data)
    weights: Literal["best", "final"] = "best" if run.weights_path(which).stem == "best" else "final"
    return export_model(
        run.model(which),
        dataclasses.replace(system, normalization=description.recipe.pipeline.normalization),
        classes=description.data["classes"] if "classes" in description.options else (),
        encoders=description.data.get("encoders"),
        out=out,
        form=form,
        version=version,
        examples=examples,
        training=TrainingRecord(
            recipe_name=description.recipe_name,
            recipe=description.recipe,
            options=description.options,
            weights=weights,
            strategy=description.strategy,
            precision=description.precision,
            deterministic=description.deterministic,
            origin=dataclasses.asdict(description.origin) if description.origin else None,
            environment=description.environment,
        ),
        data=data,
        metrics=_metrics(run),
        weights_licence=weights_licence or _licence_after(data),
        quiet=quiet,
    )


def export_model(  # noqa: PLR0913 - most are lines of the card
    model: keras.Model,
    system: System,
    *,
    classes: Sequence[str] = (),
    encoders: Mapping[str, str] | None = None,
    out: Path,
    form: Form | None = None,
    version: int | None = None,
    examples: Sequence[bytes] = (),
    training: TrainingRecord | None = None,
    data: DataRecord | None = None,
    metrics: Mapping[str, Any] | None = None,
    weights_licence: str = UNKNOWN_WEIGHTS_LICENCE,
    quiet: bool = False,
) -> Path:
    """Write OUT/NAME/VERSION: SavedModel, `.keras` file, card and warm-up requests; or another form of it.

    All is written into a folder beside, whose name begins with a dot. There the SavedModel is loaded by a
    process that has neither kzoo nor Keras, and its answers are compared with those of `model`; only then
    the folder gets its name. So what a server sees is whole and right, or absent.

    Args:
        model: a model of `system`, compiled or not, in any precision.
        system: gives the name, the endpoints and the normalisation.
        classes: names of the outputs; none for what does not classify.
        encoders: of a network over features: image_encoder and text_encoder, by name.
        out: folder of all exports.
        form: what is written beside the `.keras` file and the card; a SavedModel by default.
        version: a whole number from 1; by default one more than the highest there is.
        examples: encoded images for the warm-up requests; test patterns where there are none.
        training, data, metrics, weights_licence: for the card.
        quiet: no progress bar.

    Returns:
        The new folder OUT/NAME/VERSION.

    Raises:
        UsageError: for a version below 1, or classes that do not fit the model.
        ExportError: if the version exists, the files cannot be written, the model cannot be converted, or
            the answers differ; nothing is left that a server would load.
    """
    target = _target(out / system.name, version)
    form = form or SavedModel()
    model = form.prepared(model)
    signatures = form.chosen(system.signatures(model, tuple(classes), **(encoders or {})))
    with _published(target) as aside, _progress(f"exporting {system.name}", 4, quiet) as step:
        requests = make_requests(signatures, examples)
        form.write(model, system.name, signatures, requests, aside)
        step()
        save_model(model, aside / KERAS_FILE)
        step()
        verification, endpoints = form.verify(model, signatures, requests, aside)
        step()
        card = Card(
            form=form.name,
            name=system.name,
            version=int(target.name),
            room=system.room,
            summary=system.summary,
            created=datetime.now(UTC).replace(microsecond=0),
            classes=tuple(classes),
            input=Input(
                shapes=input_shapes(model),
                normalization=system.normalization,
                encoders=dict(encoders or {}),
            ),
            parameters=count_parameters(model),
            signatures=endpoints,
            verification=verification,
            quantization=form.quantization(),
            training=training,
            data=data,
            metrics=dict(metrics) if metrics is not None else None,
            licence=Licence(code=CODE_LICENCE, weights=weights_licence),
            source=THESIS,
            environment=environment(),
            files=describe_files(aside),
        )
        (aside / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (aside / PAGE_FILE).write_text(render_page(card), encoding="utf-8")
        step()
    return target


def _target(folder: Path, version: int | None) -> Path:
    if version is None:
        version = max(version_numbers(folder), default=0) + 1
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise UsageError(f"version must be a whole number from 1; received {version!r}")
    target = folder / str(version)
    if target.exists():
        raise ExportError(
            f"version {version} of {folder.name} exists already in {folder}; nothing was written. The next "
            f"free version is {max(version_numbers(folder), default=0) + 1}"
        )
    return target


@contextmanager
def _published(target: Path) -> Iterator[Path]:
    try:
        with folder_written_aside(target) as aside:
            yield aside
    except (OSError, tf.errors.OpError) as error:
        raise ExportError(f"{target} could not be written, and nothing was published: {error}") from error
    except ExportError:
        raise
    except KzooError as error:
        if target.exists():
            raise ExportError(str(error)) from error
        raise


@contextmanager
def _progress(title: str, steps: int, quiet: bool) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        task = progress.add_task(title, total=steps)
        yield lambda: progress.advance(task)


def _metrics(run: Run) -> dict[str, Any] | None:
    path = run.folder / "metrics.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ExportError(f"{path} holds {type(content).__name__}; expected a mapping of metrics")
    return content


def _licence_after(data: DataRecord) -> str:
    if data.licence is None:
        return f"not stated: trained on {data.name}, whose licence the run does not record"
    return (
        f"{CODE_LICENCE} as far as they are kzoo's work; trained on {data.name} ({data.licence}), whose "
        "terms may bear on what is made from it"
    )
