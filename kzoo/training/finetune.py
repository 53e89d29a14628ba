"""Where a fine-tuning begins: which registered model a folder or file holds, and its `.keras` file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from kzoo import registry
from kzoo.errors import RunError
from kzoo.system import System
from kzoo.training.run_folder import ARCHIVE_ERRORS, Run


def starting_point(path: Path) -> tuple[System, Path]:
    """Return the system and the `.keras` file of a run folder, an export folder or a `.keras` file.

    Raises:
        RunError: if there is no model, or one that is not registered here.
    """
    if (path / "run.json").is_file():
        run = Run.open(path)
        return registry.find(run.description.model), run.weights_path()
    keras_file = path / "model.keras" if path.is_dir() else path
    name = _model_name(keras_file)
    if name not in registry.names():
        raise RunError(f"{keras_file} holds a model named {name!r}, which is not one of kzoo's ({path})")
    return registry.find(name), keras_file


def _model_name(keras_file: Path) -> str:
    """Read the name that a `.keras` file gives its model, without starting TensorFlow."""
    try:
        with zipfile.ZipFile(keras_file) as archive:
            return str(json.loads(archive.read("config.json"))["config"]["name"])
    except ARCHIVE_ERRORS as error:
        raise RunError(f"no .keras file that can be read at {keras_file}: {error}") from error
