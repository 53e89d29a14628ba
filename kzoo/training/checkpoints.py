"""State of a run on disk: all variables of model and optimiser at a step, exact, in NumPy's own format.

One file a step, written aside and renamed, read without unpickling. Random seeds of dropout layers are
among the variables, so that a resumed run draws what an unbroken one would have drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from kzoo.errors import RunError
from kzoo.files import write_atomic
from kzoo.training.run_folder import ARCHIVE_ERRORS

_NAME = re.compile(r"step-(\d{9})\.npz")


class Checkpoints:
    """The checkpoints of one folder, named by step; the newest `keep` are kept."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self.keep = keep

    def steps(self) -> list[int]:
        """Return the steps there are, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(
            int(found[1]) for path in self.folder.iterdir() if (found := _NAME.fullmatch(path.name))
        )

    def path(self, step: int) -> Path:
        """Return where the checkpoint of a step lies."""
        return self.folder / f"step-{step:09d}.npz"

    def save(self, step: int, variables: Sequence[Any]) -> None:
        """Write the checkpoint of a step, then remove all but the newest `keep`."""
        save_variables(self.path(step), variables)
        for old in self.steps()[: -self.keep]:
            self.path(old).unlink(missing_ok=True)

    def restore_latest(self, variables: Sequence[Any]) -> int:
        """Restore the newest checkpoint into `variables` and return its step, or 0 if there is none.

        Raises:
            RunError: if the file is broken or holds other variables.
        """
        steps = self.steps()
        if not steps:
            return 0
        try:
            restore_variables(self.path(steps[-1]), variables)
        except RunError as error:
            older = f"; remove it to resume from step {steps[-2]}" if len(steps) > 1 else ""
            raise RunError(f"{error}{older}") from error
        return steps[-1]


def save_variables(path: Path, variables: Sequence[Any]) -> None:
    """Write Keras variables, in order, as arrays named "NUMBER name"."""
    arrays = {_key(i, variable): ops.convert_to_numpy(variable) for i, variable in enumerate(variables)}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue())


def restore_variables(path: Path, variables: Sequence[Any]) -> None:
    """Assign the arrays of `path` to `variables`; nothing is assigned unless all of them fit.

    Raises:
        RunError: if the file is missing, broken, or its names, shapes or dtypes differ.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except ARCHIVE_ERRORS as error:
        raise RunError(f"checkpoint {path} cannot be read: {error}") from error
    expected = {_key(i, variable): variable for i, variable in enumerate(variables)}
    for name, variable in expected.items():
        if name not in arrays:
            raise RunError(f"checkpoint {path} is of another model: it has no variable {name!r}")
        found, wanted = _form(arrays[name]), _form(variable)
        if found != wanted:
            raise RunError(
                f"checkpoint {path} is of another model: variable {name!r} is {found}, expected {wanted}"
            )
    extra = [name for name in arrays if name not in expected]
    if extra:
        raise RunError(
            f"checkpoint {path} is of another model: it has {len(arrays)} variables, expected "
            f"{len(expected)}; in excess {', '.join(map(repr, extra[:3]))}"
        )
    for name, variable in expected.items():
        variable.assign(arrays[name])


def _form(variable: Any) -> str:
    return f"{np.dtype(variable.dtype)} {tuple(variable.shape)}"


def _key(number: int, variable: Any) -> str:
    """Number and own name: the middle of a path counts the layers that a process has made so far."""
    return f"{number} {variable.path.split('/')[-1]}"
