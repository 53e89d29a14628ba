"""The HTTP ports: REST, metrics, health and the try-it page on one, metrics and health on another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from kzoo.serving.config import ServerConfig
from kzoo.serving.http_routes import PAGE_PREFIX, Page, Routes
from kzoo.serving.http_server import Handler, HttpServer
from kzoo.serving.metrics import PATH as METRICS_PATH
from kzoo.serving.metrics import Metrics
from kzoo.serving.rest_response import write_error
from kzoo.serving.security import TlsFiles, Token

SPARE_THREADS = (
    4  # beyond those that predict or queue, so that health and metrics are answered under full load
)
METRICS_THREADS = 2


@dataclass(frozen=True)
class HttpParts:
    """What the ports show of a server.

    Attributes:
        api: answers REST calls.
        metrics: of the server.
        availability: says of each model whether a version of it is live.
        is_ready: whether calls would be answered now.
        grpc_address: as "127.0.0.1:8500".
        tls: PEM files; None for connections that are not encrypted.
        token: that callers must show; None for none.
    """

    api: Handler
    metrics: Metrics
    availability: Callable[[], Mapping[str, bool]]
    is_ready: Callable[[], bool]
    grpc_address: str
    tls: TlsFiles | None = None
    token: Token | None = None


class HttpService:
    """The HTTP ports that a configuration asks for, listening; none, if it asks for none.

    Attributes:
        rest: the port of REST and all else; None if not asked for.
        metrics: the port of metrics and health alone, which asks clients for no certificate; None if not
            asked for.
    """

    def __init__(self, config: ServerConfig, parts: HttpParts) -> None:
        """Listen.

        Raises:
            ServingError: if a port is in use or not allowed.
        """
        self.rest: HttpServer | None = None
        self.metrics: HttpServer | None = None
        self._has_page = config.ui
        self._scheme = "http" if parts.tls is None else "https"
        page = Page(parts.grpc_address, tls=parts.tls is not None, needs_token=parts.token is not None)
        if config.rest_port is not None:
            routes = Routes(
                api=parts.api,
                metrics_page=parts.metrics.page,
                availability=parts.availability,
                is_ready=parts.is_ready,
                page=page if config.ui else None,
                token=parts.token,
            )
            threads = config.max_concurrent_calls + config.max_queued_calls + SPARE_THREADS
            self.rest = _listen(config, routes, config.rest_port, threads, parts.tls)
        if config.metrics_port is not None:
            routes = Routes(metrics_page=parts.metrics.page, is_ready=parts.is_ready, token=parts.token)
            # What probes and scrapes, as Kubernetes and Prometheus, has no certificate of its own.
            tls = None if parts.tls is None else replace(parts.tls, client_ca=None)
            try:
                self.metrics = _listen(config, routes, config.metrics_port, METRICS_THREADS, tls)
            except BaseException:
                self.stop(0)
                raise

    def addresses(self) -> Iterator[str]:
        """Give a line on each thing that can be asked for, with its address."""
        if self.rest is not None:
            yield f"REST at {self._url(self.rest)}/v1/models"
            if self._has_page:
                yield f"try it at {self._url(self.rest)}{PAGE_PREFIX}"
        if self.metrics is not None:
            yield f"metrics at {self._url(self.metrics)}{METRICS_PATH}"

    def stop(self, drain_seconds: float) -> None:
        """Answer the requests that came for at most `drain_seconds`, and end."""
        for server in (self.rest, self.metrics):
            if server is not None:
                server.stop(drain_seconds)

    def _url(self, server: HttpServer) -> str:
        host = f"[{server.host}]" if ":" in server.host else server.host
        return f"{self._scheme}://{host}:{server.port}"


def _listen(
    config: ServerConfig, routes: Routes, port: int, threads: int, tls: TlsFiles | None
) -> HttpServer:
    return HttpServer(
        routes,
        host=config.host,
        port=port,
        threads=threads,
        max_body_bytes=config.max_message_bytes,
        error_body=lambda message: write_error(message).encode("utf-8", "replace"),
        tls=tls,
    )
