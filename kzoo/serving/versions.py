"""Which versions of which models lie in a folder, and what a version holds beside its graph."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from kzoo.errors import ServingError

SAVED_MODEL_FILE = "saved_model.pb"
WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"
INDEX_FOLDER, INDEX_URI = "index", "index.uri"
MAX_VERSION = (1 << 63) - 1
_NUMBER = re.compile(r"[1-9][0-9]*")

Versions = Mapping[int, Path]
Fingerprint = tuple[tuple[str, int, int], ...]


def check_base(base: Path) -> None:
    """Make sure that `base` is a folder of models, and not a model's own.

    Raises:
        ServingError: if it is not.
    """
    if not base.is_dir():
        raise ServingError(f"expected a folder of models, each as NAME/VERSION; {base} is not a folder")
    try:
        versions = find_versions(base)
    except OSError as error:
        raise ServingError(f"the folder of models {base} cannot be read: {error.strerror}") from error
    if any((folder / SAVED_MODEL_FILE).is_file() for folder in versions.values()):
        raise ServingError(
            f"expected a folder of models, each as NAME/VERSION; {base} is the folder of one model: "
            f"give {base.resolve().parent}"
        )


def find_models(base: Path) -> dict[str, Versions]:
    """Return the versions of each model in BASE/NAME/VERSION.

    Folders whose name begins with a dot, as one that is still being written, are no models. Models without a
    version, and folders that may not be read, are left out.

    Raises:
        OSError: if `base` cannot be listed.
    """
    folders = {folder.name: folder for folder in base.iterdir() if not folder.name.startswith(".")}
    readable = {
        name: folder for name, folder in sorted(folders.items()) if os.access(folder, os.R_OK | os.X_OK)
    }
    found = {name: find_versions(folder) for name, folder in readable.items() if folder.is_dir()}
    return {name: versions for name, versions in found.items() if versions}


def version_numbers(folder: Path) -> list[int]:
    """Return the versions in the folder of one model, ascending; none where there is no such folder."""
    return sorted(find_versions(folder)) if folder.is_dir() else []


def find_versions(folder: Path) -> Versions:
    """Return the folders within `folder` whose names are whole numbers from 1, without leading zeros."""
    return {
        int(entry.name): entry
        for entry in folder.iterdir()
        if _NUMBER.fullmatch(entry.name) and int(entry.name) <= MAX_VERSION and entry.is_dir()
    }


def fingerprint(folder: Path) -> Fingerprint:
    """Return name, size and time of change of all files in `folder`; it differs once any was written again.

    It is empty if the folder goes away meanwhile.
    """
    try:
        stats = [(path.relative_to(folder).as_posix(), path.stat()) for path in sorted(folder.rglob("*"))]
    except OSError:
        return ()
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
