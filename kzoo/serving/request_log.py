"""A log of calls: one JSON object a line, a sample of all calls, in files that are rotated by size."""

from __future__ import annotations

import json
import logging
import random
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from kzoo.errors import ServingError, UsageError

DEFAULT_MAX_BYTES = 100 << 20
DEFAULT_KEPT_FILES = 5

logger = logging.getLogger(__name__)


class _LineFile(RotatingFileHandler):
    """A rotated file of lines; a line that cannot be written is lost, and the server's log says so."""

    def __init__(self, path: Path, max_bytes: int, kept_files: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=kept_files, encoding="utf-8")
        self._failures = 0  # since the last line that was written

    def emit(self, record: logging.LogRecord) -> None:
        before = self._failures
        super().emit(record)
        if self._failures == before:
            self._failures = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        self._failures += 1
        if self._failures == 1:
            logger.error("the request log %s cannot be written: %s", self.baseFilename, sys.exc_info()[1])


class RequestLog:
    """Writes calls to a file; threads may share it.

    The file becomes PATH.1 once it has `max_bytes`, PATH.1 becomes PATH.2, and so on; the oldest is deleted.
    """

    def __init__(
        self,
        path: Path,
        *,
        sampling_rate: float = 1.0,
        max_bytes: int = DEFAULT_MAX_BYTES,
        kept_files: int = DEFAULT_KEPT_FILES,
        seed: int | None = None,
    ) -> None:
        """Open the file; what it holds already is kept.

        Args:
            path: of the file; its folder is made.
            sampling_rate: share of the calls that is written, 0 to 1, chosen at random.
            max_bytes: size at which the file is rotated; above 0.
            kept_files: rotated files beside it; 1 or more.
            seed: of the choice; by default one of its own for each server.

        Raises:
            UsageError: for a value out of its range.
            ServingError: if the file cannot be opened.
        """
        if not 0 <= sampling_rate <= 1:
            raise UsageError(f"the sampling rate must be 0 to 1; received {sampling_rate}")
        if max_bytes < 1 or kept_files < 1:
            raise UsageError(f"max_bytes and kept_files must be above 0; received {max_bytes}, {kept_files}")
        self._rate = sampling_rate
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _LineFile(path, max_bytes, kept_files)
        except OSError as error:
            raise ServingError(f"the request log {path} cannot be opened: {error.strerror}") from error

    def sample(self) -> bool:
        """Say whether the next call is among those to be written."""
        with self._lock:
            return self._random.random() < self._rate

    def write(self, fields: Mapping[str, Any]) -> None:
        """Write one call, with the time before its fields.

        Args:
            fields: what to say of it, of the types that JSON has.
        """
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time, **fields}, ensure_ascii=False)
        self._file.handle(logging.LogRecord("", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
