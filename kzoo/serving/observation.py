"""What is kept of calls that have ended: counts for Prometheus, and lines of a log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from kzoo.serving.call import CallRecord
from kzoo.serving.config import ServerConfig
from kzoo.serving.metrics import Metrics
from kzoo.serving.request_log import RequestLog


class Observation:
    """Observes the calls of a server.

    Attributes:
        metrics: of all calls.
    """

    def __init__(
        self,
        availability: Callable[[], Mapping[str, bool]],
        request_log: RequestLog | None = None,
        calls_in_flight: Callable[[], int] | None = None,
    ) -> None:
        """Begin at zero.

        Args:
            availability: says of each model whether a version of it is live.
            calls_in_flight: how many calls are being answered now.
            request_log: that calls are written to; closed by `close`.
        """
        self.metrics = Metrics(availability=availability, calls_in_flight=calls_in_flight)
        self._log = request_log

    @classmethod
    def of(
        cls,
        config: ServerConfig,
        availability: Callable[[], Mapping[str, bool]],
        calls_in_flight: Callable[[], int],
    ) -> Observation:
        """Begin at zero, with the log that a configuration asks for.

        Raises:
            ServingError: if the log cannot be opened.
        """
        if config.request_log is None:
            return cls(availability, calls_in_flight=calls_in_flight)
        log = RequestLog(config.request_log, sampling_rate=config.request_log_sampling)
        return cls(availability, log, calls_in_flight)

    def __call__(self, record: CallRecord) -> None:
        """Count a call, and write it down if it is among those chosen."""
        self.metrics.record_request(
            record.model, record.method, record.entrypoint, record.status_code, record.latency_seconds
        )
        if record.status_code == "OK" and record.runtime_seconds:
            self.metrics.record_runtime(record.model, record.method, record.runtime_seconds)
        examples = _example_count(record.request)
        if examples:
            self.metrics.record_examples(record.model, examples)
        if self._log is not None and self._log.sample():
            self._log.write(_fields(record))
            self.metrics.record_logged(record.model, record.status_code)

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()


def _fields(record: CallRecord) -> dict[str, Any]:
    """Return what the log says of a call: nothing of what was sent but its size."""
    fields: dict[str, Any] = {
        "model": record.model,
        "version": record.version,
        "signature": record.signature,
        "api": record.method,
        "entrypoint": record.entrypoint,
        "status": record.status_code,
        "latency_ms": round(record.latency_seconds * 1000, 3),
        "queue_ms": round(record.queue_seconds * 1000, 3),
        "runtime_ms": round(record.runtime_seconds * 1000, 3),
        "batch_size": record.batch_size,
        "request_bytes": _size(record.request),
        "response_bytes": _size(record.response),
    }
    return {**fields, "error": record.error} if record.error else fields


def _size(message: Message | None) -> int | None:
    return None if message is None else message.ByteSize()


def _example_count(request: Any) -> int:
    given = getattr(request, "input", None)
    if given is None:
        return 0
    return len(given.example_list.examples) + len(given.example_list_with_context.examples)
