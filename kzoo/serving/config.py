"""What the server can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kzoo.errors import UsageError

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class ServerConfig:
    """Settings of one server.

    Attributes:
        base: folder of models, each in BASE/NAME/VERSION.
        host: address to listen on; loopback unless told otherwise, for the connection is not encrypted.
        port: 0 takes a free one.
        latest_versions: how many of the newest versions of each model are live, 1 or more.
        poll_seconds: time between two looks for new versions, above 0.
        max_concurrent_calls: predictions answered at a time; one more is RESOURCE_EXHAUSTED.
        max_message_bytes: of a request, of an answer, and of each tensor that a request spells out.
        drain_seconds: how long calls in flight may go on once the server is told to end, 0 or more.

    Raises:
        UsageError: for a value out of its range.
    """

    base: Path
    host: str = "127.0.0.1"
    port: int = 8500
    latest_versions: int = 1
    poll_seconds: float = 1.0
    max_concurrent_calls: int = 64
    max_message_bytes: int = 64 * MEBIBYTE
    drain_seconds: float = 30.0

    def __post_init__(self) -> None:
        self._require(0 <= self.port <= 65535, "port", "0 to 65535")
        self._require(self.latest_versions >= 1, "latest_versions", "1 or more")
        self._require(self.poll_seconds > 0, "poll_seconds", "above 0")
        self._require(self.max_concurrent_calls >= 1, "max_concurrent_calls", "1 or more")
        self._require(1 <= self.max_message_bytes < 1 << 31, "max_message_bytes", "1 to 2147483647")
        self._require(self.drain_seconds >= 0, "drain_seconds", "0 or more")

    def _require(self, holds: bool, name: str, expected: str) -> None:
        if not holds:
            raise UsageError(f"{name} must be {expected}; received {getattr(self, name)}")
