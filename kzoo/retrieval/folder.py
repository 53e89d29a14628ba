"""An index as a folder: `manifest.json`, and beside it a sub-folder with the files that it names and hashes.

A new state is written into a new sub-folder; renaming the new manifest over the old one is what makes it the
index. Whoever reads sees one state or the other, and a process that dies leaves the one that was there.
"""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from kzoo.errors import RetrievalError
from kzoo.files import sha256_of_file, write_atomic
from kzoo.retrieval.plan import Plan
from kzoo.retrieval.searcher import Searcher
from kzoo.retrieval.store import Store

MANIFEST = "manifest.json"
FORMAT = "kzoo-index-1"
_STATE, _SCANN = "state-", "scann"
_FACTS = (
    "model",
    "model_version",
    "metric",
    "dimension",
    "plan_chosen_by",
    "seed",
    "plan",
    "recall",
    "changes_since_training",
)


def write(folder: Path, facts: dict[str, Any], store: Store, searcher: Searcher) -> None:
    """Write an index into `folder`, or replace the one that is there.

    Raises:
        RetrievalError: if the folder holds something else than an index.
    """
    if folder.exists() and not (folder.is_dir() and _is_free(folder)):
        raise RetrievalError(
            f"{folder} exists and is no index; expected a new folder, or one with {MANIFEST}"
        )
    state = folder / f"{_STATE}{uuid.uuid4().hex[:12]}"
    state.mkdir(parents=True)
    try:
        store.write(state)
        if not Plan.from_json(facts["plan"]).exact:
            searcher.write(state / _SCANN)
        files = {
            path.relative_to(folder).as_posix(): sha256_of_file(path)
            for path in sorted(state.rglob("*"))
            if path.is_file()
        }
        manifest = {"format": FORMAT, **facts, "state": state.name, "files": files}
        write_atomic(folder / MANIFEST, json.dumps(manifest, indent=2) + "\n")
    except BaseException:
        shutil.rmtree(state, ignore_errors=True)
        raise
    for other in folder.glob(f"{_STATE}*"):
        if other != state:
            shutil.rmtree(other, ignore_errors=True)


def read(
    folder: Path, model: str | None, model_version: str | None
) -> tuple[dict[str, Any], Store, Searcher]:
    """Read an index, checking every file against its hash.

    Raises:
        RetrievalError: if there is no index, a file is missing, truncated or changed, or another model or
            version than asked for made its vectors.
    """
    manifest = read_manifest(folder)
    check_model(folder, manifest, model, model_version)
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise RetrievalError(f"the index {folder} is not whole: {name} is missing")
        found = sha256_of_file(path)
        if found != expected:
            raise RetrievalError(
                f"the index {folder} is damaged: {name} has the SHA-256 {found}, expected {expected}"
            )
    state, plan, metric = folder / manifest["state"], Plan.from_json(manifest["plan"]), manifest["metric"]
    store = Store.read(state, count=manifest["count"], dimension=manifest["dimension"])
    if plan.exact:
        searcher = Searcher.build(store.vectors, plan, metric)
    else:
        searcher = Searcher.read(state / _SCANN, plan, metric, count=manifest["count"])
    return {name: manifest[name] for name in _FACTS}, store, searcher


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what `folder`'s manifest says.

    Raises:
        RetrievalError: if there is none, or it is not an index's.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise RetrievalError(f"{folder} is no index: there is no {MANIFEST} in it") from error
    except (OSError, ValueError) as error:
        raise RetrievalError(f"{path} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise RetrievalError(f"{path} is no index's manifest; expected the format {FORMAT!r}")
    missing = [name for name in (*_FACTS, "count", "state", "files") if name not in manifest]
    if missing:
        raise RetrievalError(f"{path} lacks {', '.join(missing)}")
    return manifest


def check_model(
    place: Path | str, facts: dict[str, Any], model: str | None, model_version: str | None
) -> None:
    """Refuse an index whose vectors another model, or another version of it, made.

    Raises:
        RetrievalError: if `model` or `model_version` is given and is not that of `facts`.
    """
    for name, expected in (("model", model), ("model_version", model_version)):
        if expected is not None and facts[name] != str(expected):
            raise RetrievalError(
                f"the vectors of {place} were made by {facts['model']} version {facts['model_version']}; "
                f"expected {name} {str(expected)!r}"
            )


def _is_free(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() or not any(folder.iterdir())
