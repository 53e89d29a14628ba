"""How a version of a model stands, in the words of TensorFlow Serving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["UNKNOWN", "START", "LOADING", "AVAILABLE", "UNLOADING", "END"]


@dataclass(frozen=True)
class VersionStatus:
    """The state of one version.

    Attributes:
        version: its number.
        state: START (seen), LOADING, AVAILABLE, UNLOADING (answers its last calls), END (gone, or failed).
        error: why it could not be loaded; empty if nothing failed.
    """

    version: int
    state: State
    error: str = ""
