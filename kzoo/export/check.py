"""Recompute what the card of an export says: files, sizes, hashes, parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kzoo.errors import ExportError, RunError
from kzoo.export.card import CARD_FILE, KERAS_FILE, PAGE_FILE, Card, FileRecord, Parameters, read_card
from kzoo.export.page import render_page
from kzoo.files import sha256_of_file

if TYPE_CHECKING:
    import keras


def check_card(folder: Path) -> Card:
    """Recompute what a card says of its folder: files, sizes, hashes, parameters, classes, the page card.md.

    Raises:
        ExportError: if there is no card, or something differs; the message names all that does.
    """
    card = read_card(folder)
    differences = [*_file_differences(folder, card), *_model_differences(folder, card)]
    page = folder / PAGE_FILE
    if not page.is_file() or page.read_text(encoding="utf-8") != render_page(card):
        differences.append(f"{PAGE_FILE} is not the page of {CARD_FILE}")
    if differences:
        raise ExportError(f"{folder} is not what its card says:\n  " + "\n  ".join(differences))
    return card


def describe_files(folder: Path) -> dict[str, FileRecord]:
    """Return size and hash of all files below `folder` but the card and its page, by relative name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: FileRecord(bytes=path.stat().st_size, sha256=sha256_of_file(path))
        for name, path in names.items()
        if name not in (CARD_FILE, PAGE_FILE)
    }


def count_parameters(model: keras.Model) -> Parameters:
    """Return the parameters of a Keras model; random seeds are none."""
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return Parameters(trainable=trainable, total=sum(math.prod(weight.shape) for weight in model.weights))


def _file_differences(folder: Path, card: Card) -> Iterator[str]:
    found = describe_files(folder)
    for name in sorted(card.files.keys() | found.keys()):
        if name not in found:
            yield f"{name} is missing"
        elif name not in card.files:
            yield f"{name} is not in the card"
        elif found[name].bytes != card.files[name].bytes:
            yield f"{name} has {found[name].bytes} bytes; the card says {card.files[name].bytes}"
        elif found[name].sha256 != card.files[name].sha256:
            yield f"{name} has SHA-256 {found[name].sha256}; the card says {card.files[name].sha256}"


def _model_differences(folder: Path, card: Card) -> Iterator[str]:
    from kzoo.training.models import load_model

    try:
        model = load_model(folder / KERAS_FILE)
    except RunError as error:
        yield str(error)
        return
    found = count_parameters(model)
    if found != card.parameters:
        yield f"{KERAS_FILE} has {found} parameters; the card says {card.parameters}"
    shapes = input_shapes(model)
    if shapes != card.input.shapes:
        yield f"{KERAS_FILE} takes {shapes}; the card says {card.input.shapes}"
    logits = model.get_layer("logits").output.shape[-1] if _has_logits(model) else 0
    if card.classes and logits != len(card.classes):
        yield f"{KERAS_FILE} has {logits} outputs; the card names {len(card.classes)} classes"


def input_shapes(model: keras.Model) -> dict[str, tuple[int | None, ...]]:
    """Return input name to shape without the batch."""
    return {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}


def _has_logits(model: keras.Model) -> bool:
    return any(layer.name == "logits" for layer in model.layers)
