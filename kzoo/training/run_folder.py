"""A run folder: all that is needed to repeat, resume, evaluate, export or fine-tune a training run.

run.json          what was trained on what: `RunDescription`
recipe.yaml       the recipe, for `kzoo train --recipe FILE`
checkpoints/      variables of model and optimiser, the newest two
history.csv       a row an epoch
fusion_weights.csv  mean and deviation of the fusion weights of each branch, a row an epoch (figure 2.8)
tensorboard/      event files
best.npz          weights of the epoch with the best validation metric, with best.json
final.keras       the model after the last step; best.keras the best one
metrics.json      what `kzoo evaluate` found
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import platform
import subprocess
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzoo import __version__
from kzoo.errors import RunError
from kzoo.files import write_atomic
from kzoo.recipe import Recipe

if TYPE_CHECKING:
    import keras

FORMAT = 1
LOCK = ".lock"
# What reading a damaged .npz or .keras file, both zip archives, may raise.
ARCHIVE_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
# Keys of a description that say something to a reader and nothing to the training: data and the model that
# fine-tuning begins from are what their hashes say, wherever they lie.
_ONLY_SAID = (
    "environment.",
    "recipe_name",
    "recipe.description",
    "recipe.data.name",
    "data.name",
    "data.licence",
    "data.source",
    "origin.path",
)
_PACKAGES = ("tensorflow", "keras", "numpy", "tensorflow-datasets")


@dataclass(frozen=True)
class Origin:
    """The model that a run was fine-tuned from: a path and the SHA-256 of its `.keras` file."""

    path: str
    sha256: str


@dataclass(frozen=True)
class RunDescription:
    """What was trained on what. Descriptions that differ in names and `environment` only give equal weights.

    Attributes:
        model: registered name.
        options: of its build function, as far as they differ from the system's own.
        recipe_name: which of the system's recipes it began as.
        recipe: as used, overrides applied.
        data: fingerprint, classes and split sizes of the data set.
        strategy: its name and number of devices of one worker.
        precision: Keras dtype policy.
        deterministic: whether TensorFlow ran with deterministic operations only.
        origin: for fine-tuning, the model it began from.
        environment: versions, machine, code commit.
    """

    model: str
    options: dict[str, Any]
    recipe_name: str
    recipe: Recipe
    data: dict[str, Any]
    strategy: dict[str, Any]
    precision: str
    deterministic: bool
    origin: Origin | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def differences(self, other: RunDescription) -> list[str]:
        """Name what differs in a way that changes the weights, as "key: this, other"."""
        mine, theirs = _flat(self.to_json()), _flat(other.to_json())
        return [
            f"{key}: {mine.get(key)!r}, {theirs.get(key)!r}"
            for key in sorted(set(mine) | set(theirs))
            if not key.startswith(_ONLY_SAID) and mine.get(key) != theirs.get(key)
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the description as JSON values."""
        content = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        content["recipe"] = self.recipe.model_dump(mode="json")
        content["origin"] = dataclasses.asdict(self.origin) if self.origin else None
        return json.loads(json.dumps({"format": FORMAT, **content}))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> RunDescription:
        """Read a description; KeyError, TypeError or a KzooError if it is none."""
        fields = {f.name: content[f.name] for f in dataclasses.fields(cls)}
        fields["recipe"] = Recipe.model_validate(content["recipe"])
        fields["origin"] = Origin(**content["origin"]) if content["origin"] else None
        return cls(**fields)


class Run:
    """A run folder that exists."""

    def __init__(self, folder: Path, description: RunDescription) -> None:
        self.folder = folder
        self.description = description

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read a run folder.

        Raises:
            RunError: if it is missing, is no run folder, or its run.json is broken or of another format.
        """
        path = folder / "run.json"
        if not folder.is_dir():
            raise RunError(f"no run folder at {folder}")
        if not path.is_file():
            raise RunError(f"{folder} is no run folder: it has no run.json")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise RunError(f"{path} has format {content['format']!r}; this kzoo reads {FORMAT}")
            return cls(folder, RunDescription.from_json(content))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} cannot be read: {type(error).__name__}: {error}") from error

    @classmethod
    def create_or_open(cls, folder: Path, description: RunDescription) -> Run:
        """Open the run of `description` in `folder`, or begin it there.

        Raises:
            RunError: if the folder holds another run, naming the differences, or other files, or cannot
                be written.
        """
        if (folder / "run.json").exists():
            run = cls.open(folder)
            differences = run.description.differences(description)
            if differences:
                raise RunError(
                    f"{folder} holds another run ({len(differences)} differences: there, asked for):\n  "
                    + "\n  ".join(differences[:8])
                )
        else:
            if folder.is_dir() and any(not path.name.endswith((".part", LOCK)) for path in folder.iterdir()):
                raise RunError(f"{folder} is not empty and holds no run; nothing was written")
            run = cls(folder, description)
        run._complete()
        return run

    def _complete(self) -> None:
        """Write what is not there yet; run.json first, so that a run killed here can be begun again."""
        content = {
            "run.json": json.dumps(self.description.to_json(), indent=2) + "\n",
            "recipe.yaml": self.description.recipe.to_yaml(),
        }
        for name, text in content.items():
            path = self.folder / name
            try:
                if not path.is_file():
                    write_atomic(path, text)
            except OSError as error:
                raise RunError(f"{path} cannot be written: {error}") from error

    @property
    def finished(self) -> bool:
        """Whether the last step was trained and the final model written."""
        return (self.folder / "final.keras").is_file()

    def weights_path(self, which: str = "best") -> Path:
        """Return the `.keras` file of the "best" or the "final" weights; without validation, best is final.

        Raises:
            RunError: if the run has not ended yet.
        """
        if not self.finished:
            raise RunError(f"run {self.folder} has not ended; resume it with the command that began it")
        best = self.folder / "best.keras"
        return best if which == "best" and best.is_file() else self.folder / "final.keras"

    def model(self, which: str = "best") -> keras.Model:
        """Load the trained model, with its own weights."""
        from kzoo.training.models import load_model

        return load_model(self.weights_path(which))


@contextlib.contextmanager
def held_alone(folder: Path) -> Iterator[None]:
    """Hold a folder against other processes that ask for it by this function, until the block ends.

    Raises:
        RunError: if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"another process is training into {folder}; wait for it or stop it") from error
        yield


def environment() -> dict[str, str]:
    """Return versions, machine and code commit; of what is not there, nothing."""
    found = {
        "kzoo": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.platform(),
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    commit = _code_commit()
    return {**found, "commit": commit} if commit else found


def _code_commit() -> str | None:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


def _flat(content: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(content, dict):
        return {prefix[:-1]: content}
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat.update(_flat(value, f"{prefix}{key}."))
    return flat
