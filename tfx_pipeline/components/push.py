"""The Pusher: a blessed model becomes the next version in the folder that servers poll, whole or not."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.decorators import component
from tfx.utils import path_utils

from kzoo.errors import KzooError
from kzoo.export.card import CARD_FILE, PAGE_FILE, read_card
from kzoo.export.export import versions
from kzoo.export.page import render_page
from kzoo.files import folder_written_aside
from kzoo.serving.search import INDEX_FOLDER
from tfx_pipeline.components.index import RetrievalIndex

RETIRED, DAY_SECONDS = ".retired", 86400
LINEAGE_FILE, ORIGIN = "lineage.json", "version"


@component
def VersionPusher(  # noqa: N802, PLR0917  a component is named like a class, its inputs are many
    model: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model],
    blessing: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.ModelBlessing],
    infra_blessing: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.InfraBlessing],
    pushed: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.PushedModel],
    name: tfx.dsl.components.Parameter[str],
    destination: tfx.dsl.components.Parameter[str],
    keep: tfx.dsl.components.Parameter[int],
    lineage: tfx.dsl.components.Parameter[str],
    index: tfx.dsl.components.InputArtifact[RetrievalIndex] = None,
) -> None:
    """Push a model that both blessings bless; keep the newest versions, `keep` of them."""
    Path(pushed.uri).mkdir(parents=True, exist_ok=True)
    blessed = all(one.get_int_custom_property("blessed") for one in (blessing, infra_blessing))
    pushed.set_int_custom_property("pushed", int(blessed))
    if not blessed:
        return
    source = Path(path_utils.serving_model_path(model.uri))
    beside = None if index is None else Path(index.uri)
    version = push(source, Path(destination) / name, json.loads(lineage), beside)
    retire(Path(destination) / name, keep)
    pushed.set_int_custom_property("version", version)
    pushed.set_string_custom_property("pushed_destination", str(Path(destination) / name / str(version)))
    (Path(pushed.uri) / "version").write_text(f"{version}\n")


def push(source: Path, folder: Path, lineage: dict[str, object], index: Path | None = None) -> int:
    """Copy an export into FOLDER/NEXT VERSION, which appears when it is whole; return the version.

    Args:
        source: the export's folder.
        folder: of all versions of the model.
        lineage: written beside as lineage.json.
        index: of the model's vectors, which becomes part of the version.

    Raises:
        KzooError: if the folder cannot be written, as on a full disk; no version is there then.
    """
    version = max(versions(folder), default=0) + 1
    with _new_version(folder, version) as aside:
        shutil.copytree(source, aside, dirs_exist_ok=True)
        if index is not None:
            shutil.copytree(index, aside / INDEX_FOLDER)
        renumber(aside, version)
        content = json.dumps({**lineage, ORIGIN: version}, indent=2)
        (aside / LINEAGE_FILE).write_text(content + "\n", encoding="utf-8")
    return version


def copy_version(folder: Path, version: int) -> int:
    """Make a copy of a version the newest one, and return its number; its lineage stays that of the original.

    Raises:
        KzooError: as `push`.
    """
    new = max(versions(folder)) + 1
    with _new_version(folder, new) as aside:
        shutil.copytree(folder / str(version), aside, dirs_exist_ok=True)
        renumber(aside, new)
    return new


def origin_of_served(folder: Path) -> int | None:
    """Return the number that the newest version was pushed under; of a copy, that of the original.

    None if there is no version, or the newest was not pushed by a pipeline.
    """
    there = versions(folder)
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
    """Write the number of a version on the card, its page and the index that an export's folder holds."""
    card = read_card(folder).model_copy(update={"version": version})
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / PAGE_FILE).write_text(render_page(card), encoding="utf-8")
    if (folder / INDEX_FOLDER).is_dir():
        from kzoo.retrieval import Index

        Index.load(folder / INDEX_FOLDER).of_version(str(version)).save(folder / INDEX_FOLDER)


def retire(folder: Path, keep: int) -> list[int]:
    """Remove all but the newest `keep` versions, each renamed first so that no server sees half of it.

    What processes that died left half removed, or half written a day ago, goes too.
    """
    old = versions(folder)[:-keep] if keep else []
    for version in old:
        (folder / str(version)).rename(folder / f".{version}{RETIRED}")
    yesterday = time.time() - DAY_SECONDS
    written_long_ago = [path for path in folder.glob(".*.part") if path.stat().st_mtime < yesterday]
    for path in [*folder.glob(f".*{RETIRED}"), *written_long_ago]:
        shutil.rmtree(path)
    return old
