"""The errors kzoo raises at its edges, each with the exit code that the `kzoo` command ends with.

Every message names what was received and what was expected.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class KzooError(Exception):
    """Base of every error that kzoo raises on purpose."""

    exit_code = 1


class UsageError(KzooError, ValueError):
    """An argument is wrong: its type, its range, or the combination it stands in."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name (of a model, a data set, a recipe key, a feature) that nothing answers to."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.nearest = nearest_names(name, known)
        hint = f"; did you mean {' or '.join(self.nearest)}?" if self.nearest else ""
        super().__init__(f"unknown {kind} {name!r}{hint}")


class DataError(KzooError):
    """A data set, an image, or a file of one is missing, empty, truncated or of the wrong form."""

    exit_code = 3


class RunError(KzooError):
    """A run folder cannot be read, or belongs to another model, recipe or data set."""

    exit_code = 4


class ExportError(KzooError):
    """A model cannot be exported, or what was written does not answer as the model does."""

    exit_code = 5


class ServingError(KzooError):
    """The server cannot start or a call to it failed."""

    exit_code = 6


class TrainingDivergedError(KzooError):
    """The loss became NaN or infinite; the message names the step and the batch."""

    exit_code = 7


class RetrievalError(KzooError):
    """An index cannot be read, belongs to another model, or its server does not answer."""

    exit_code = 8


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` of the `known` names that are written most like `name`, best first."""
    return difflib.get_close_matches(name, list(known), n=count, cutoff=0.5)
