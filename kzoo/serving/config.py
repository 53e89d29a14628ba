"""What the server can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kzoo.errors import UsageError
from kzoo.serving.batching_parameters import BatchingParameters

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class InputLimits:
    """What one request may ask for at most.

    Attributes:
        max_tensor_bytes: memory of one input.
        max_rows: size of the first axis of an input whose signature leaves it open.
        max_pixels: of one encoded image, as its header states it.
    """

    max_tensor_bytes: int
    max_rows: int
    max_pixels: int


@dataclass(frozen=True)
class ServerConfig:
    """Settings of one server.

    Attributes:
        base: folder of models, each in BASE/NAME/VERSION.
        host: address to listen on; loopback unless told otherwise, for the connection is not encrypted.
        port: 0 takes a free one.
        latest_versions: how many of the newest versions of each model are live, 1 or more.
        model_config_file: TensorFlow Serving's `models.config`, read instead of looking for models in `base`,
            and again whenever it is changed.
        poll_seconds: time between two looks for new versions, above 0.
        max_concurrent_calls: predictions answered at a time.
        max_queued_calls: predictions that wait for a place; one more is RESOURCE_EXHAUSTED.
        max_message_bytes: of a request, of an answer, and of each tensor that a request spells out.
        max_rows: of one input, where the signature leaves open how many.
        max_pixels: of one encoded image, as its header states it.
        batching: how calls are joined into batches; None to run each on its own.
        tls_certificate, tls_key: PEM files; None for a connection that is not encrypted.
        tls_client_ca: PEM file of the authorities that sign the certificates of clients, which then need one.
        token_file: file with the token that every call must bring; None for none.
        drain_seconds: how long calls in flight may go on once the server is told to end, 0 or more.
        rest_port: of the REST API, metrics, health and the try-it page; 0 takes a free one, None is none.
        metrics_port: of metrics and health alone, for callers without a certificate; 0 takes a free one, None
            is none.
        request_log: file that calls are written to, as JSON lines; None is none.
        request_log_sampling: share of the calls that is written, 0 to 1.
        ui: whether there is a try-it page; needs a `rest_port`.

    Raises:
        UsageError: for a value out of its range.
    """

    base: Path
    host: str = "127.0.0.1"
    port: int = 8500
    latest_versions: int = 1
    model_config_file: Path | None = None
    poll_seconds: float = 1.0
    max_concurrent_calls: int = 64
    max_queued_calls: int = 128
    max_message_bytes: int = 64 * MEBIBYTE
    max_rows: int = 4096
    max_pixels: int = 1 << 25
    batching: BatchingParameters | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    token_file: Path | None = None
    drain_seconds: float = 30.0
    rest_port: int | None = None
    metrics_port: int | None = None
    request_log: Path | None = None
    request_log_sampling: float = 1.0
    ui: bool = False

    def __post_init__(self) -> None:
        self._require(0 <= self.port <= 65535, "port", "0 to 65535")
        self._require(self.latest_versions >= 1, "latest_versions", "1 or more")
        self._require(self.poll_seconds > 0, "poll_seconds", "above 0")
        self._require(self.max_concurrent_calls >= 1, "max_concurrent_calls", "1 or more")
        self._require(self.max_queued_calls >= 0, "max_queued_calls", "0 or more")
        self._require(self.max_rows >= 1, "max_rows", "1 or more")
        self._require(self.max_pixels >= 1, "max_pixels", "1 or more")
        self._require(1 <= self.max_message_bytes < 1 << 31, "max_message_bytes", "1 to 2147483647")
        self._require(self.drain_seconds >= 0, "drain_seconds", "0 or more")
        for name in ("rest_port", "metrics_port"):
            port = getattr(self, name)
            self._require(port is None or 0 <= port <= 65535, name, "0 to 65535 or none")
        self._require(0 <= self.request_log_sampling <= 1, "request_log_sampling", "0 to 1")
        if self.ui and self.rest_port is None:
            raise UsageError("the try-it page needs a rest_port; received none")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise UsageError("tls_certificate and tls_key go together; received one of them")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise UsageError("tls_client_ca needs tls_certificate and tls_key; received neither")

    @property
    def limits(self) -> InputLimits:
        """What one request may ask for at most."""
        return InputLimits(self.max_message_bytes, self.max_rows, self.max_pixels)

    def _require(self, holds: bool, name: str, expected: str) -> None:
        if not holds:
            raise UsageError(f"{name} must be {expected}; received {getattr(self, name)}")
