"""One loaded version of a model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorflow.core.protobuf import meta_graph_pb2

from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.signature import Signature

DEFAULT_SIGNATURE = "serving_default"


@dataclass
class Servable:
    """A version in memory, and how many calls are using it.

    Attributes:
        model, version: which one it is.
        definitions: its signatures as the SavedModel states them.
        signatures: those that can be called.
    """

    model: str
    version: int
    definitions: Mapping[str, meta_graph_pb2.SignatureDef] = field(repr=False)
    signatures: Mapping[str, Signature] = field(repr=False)
    _saved_model: Any = field(repr=False)  # its functions hold their variables only as long as this lives
    _calls: int = 0
    _on_idle: Callable[[], None] | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def signature(self, name: str) -> Signature:
        """Return the signature of that name, "serving_default" for none.

        Raises:
            InvalidArgumentError: if it is not there.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise InvalidArgumentError(
                f'Serving signature name: "{name}" not found in signature def; {self.model} version '
                f"{self.version} has {', '.join(sorted(self.signatures)) or 'none'}"
            )
        return self.signatures[name]

    def enter(self) -> None:
        """Count a call in."""
        with self._lock:
            self._calls += 1

    def leave(self) -> None:
        """Count a call out; the last one of a retired version ends it."""
        with self._lock:
            self._calls -= 1
            ended = self._on_idle if self._calls == 0 else None
        if ended is not None:
            ended()

    def retire(self, on_idle: Callable[[], None]) -> None:
        """Have `on_idle` called once no call is left; no more calls may enter."""
        with self._lock:
            self._on_idle = on_idle
            idle = self._calls == 0
        if idle:
            on_idle()
