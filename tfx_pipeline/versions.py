"""Versions in the folder that servers poll: each whole or absent, with index, number and lineage."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kzoo.errors import KzooError, UsageError
from kzoo.export.card import CARD_FILE, PAGE_FILE, read_card
from kzoo.export.check import describe_files
from kzoo.export.page import render_page
from kzoo.files import folder_written_aside
from kzoo.serving.versions import INDEX_FOLDER, WARM_UP_FILE, version_numbers

ANY_VERSION = "1"
RETIRED, DAY_SECONDS = ".retired", 86400
LINEAGE_FILE, ORIGIN = "lineage.json", "version"


def push(
    source: Path,
    folder: Path,
    lineage: dict[str, object],
    index: Path | None = None,
    warm_up: Path | None = None,
) -> int:
    """Copy an export into FOLDER/NEXT VERSION, which appears when it is whole; return the version.

    Args:
        source: the export's folder.
        folder: of all versions of the model.
        lineage: written beside as lineage.json.
        index: of the model's vectors, which becomes part of the version.
        warm_up: requests that take the place of those of the export.

    Raises:
        KzooError: if the folder cannot be written, as on a full disk; no version is there then.
    """
    version = max(version_numbers(folder), default=0) + 1
    with _new_version(folder, version) as aside:
        shutil.copytree(source, aside, dirs_exist_ok=True)
        if index is not None:
            shutil.copytree(index, aside / INDEX_FOLDER)
        if warm_up is not None:
            shutil.copyfile(warm_up, aside / WARM_UP_FILE)
        content = json.dumps({**lineage, ORIGIN: version}, indent=2)
        (aside / LINEAGE_FILE).write_text(content + "\n", encoding="utf-8")
        renumber(aside, version)
    return version


def rollback(folder: Path, version: int) -> int:
    """Serve an older version again: a copy of it becomes the newest version. Return the new number.

    Servers load the newest version, so that going back is going forward: nothing is removed, and the version
    that was wrong stays to be looked at.

    Args:
        folder: of all versions of a model.
        version: one of them.

    Raises:
        UsageError: if it is not there, or is the newest.
        KzooError: if the copy cannot be written.
    """
    there = version_numbers(folder)
    if version not in there:
        raise UsageError(f"{folder} has no version {version}, only {', '.join(map(str, there)) or 'none'}")
    if version == there[-1]:
        raise UsageError(f"version {version} of {folder} is the one that is served")
    return copy_version(folder, version)


def copy_version(folder: Path, version: int) -> int:
    """Make a copy of a version the newest one, and return its number; its lineage stays that of the original.

    Raises:
        KzooError: as `push`.
    """
    new = max(version_numbers(folder)) + 1
    with _new_version(folder, new) as aside:
        shutil.copytree(folder / str(version), aside, dirs_exist_ok=True)
        renumber(aside, new)
    return new


def origin_of_served(folder: Path) -> int | None:
    """Return the number that the newest version was pushed under; of a copy, that of the original.

    None if there is no version, or the newest was not pushed by a pipeline.
    """
    there = version_numbers(folder)
    return origin_of(folder / str(there[-1])) if there else None


def origin_of(version: Path) -> int | None:
    """Return the number that a version was pushed under; None if it was not pushed by a pipeline."""
    try:
        return int(json.loads((version / LINEAGE_FILE).read_text("utf-8"))[ORIGIN])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _new_version(folder: Path, version: int) -> Iterator[Path]:
    try:
        with folder_written_aside(folder / str(version)) as aside:
            yield aside
    except OSError as error:
        raise KzooError(
            f"version {version} cannot be written to {folder}: {_reason(error)}; nothing is pushed"
        ) from error


def _reason(error: OSError) -> str:
    """Return what went wrong in words; `shutil` raises a list of (source, target, reason)."""
    if isinstance(error, shutil.Error):
        _, target, reason = error.args[0][0]
        return f"{target}: {str(reason).partition(': ')[0]}"
    return f"{error.filename or 'a file'}: {error.strerror or error}"


def renumber(folder: Path, version: int) -> None:
    """Write the number of a version on its index and its card, and on the card which files are there now."""
    if (folder / INDEX_FOLDER).is_dir():
        from kzoo.retrieval import Index

        Index.load(folder / INDEX_FOLDER).of_version(str(version)).save(folder / INDEX_FOLDER)
    told = {"version": version, "files": describe_files(folder)}
    card = read_card(folder).model_copy(update=told)
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / PAGE_FILE).write_text(render_page(card), encoding="utf-8")


def retire(folder: Path, keep: int) -> list[int]:
    """Remove all but the newest `keep` versions, each renamed first so that no server sees half of it.

    What processes that died left half removed, or half written a day ago, goes too.
    """
    old = version_numbers(folder)[:-keep] if keep else []
    for version in old:
        (folder / str(version)).rename(folder / f".{version}{RETIRED}")
    yesterday = time.time() - DAY_SECONDS
    written_long_ago = [path for path in folder.glob(".*.part") if path.stat().st_mtime < yesterday]
    for path in [*folder.glob(f".*{RETIRED}"), *written_long_ago]:
        shutil.rmtree(path)
    return old
