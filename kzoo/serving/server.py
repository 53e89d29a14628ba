"""The server: its services put together, its start and its end."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent import futures
from types import TracebackType
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from kzoo.errors import ServingError
from kzoo.serving.admission import Admission
from kzoo.serving.call import Observer
from kzoo.serving.config import ServerConfig
from kzoo.serving.core import ServerCore
from kzoo.serving.http_service import HttpParts, HttpService
from kzoo.serving.manager import ModelManager
from kzoo.serving.observation import Observation
from kzoo.serving.reflection import SERVICE_NAMES, service_pool
from kzoo.serving.rest import RestApi
from kzoo.serving.security import TlsFiles, Token, TokenInterceptor
from kzoo.serving.servicers import add_services

# Threads beyond those that predict, so that health, status and refusals are answered under full load.
SPARE_THREADS = 16
# For answers that are on their way when the last call has been answered.
_LAST_WORDS_SECONDS = 1.0
# gRPC cancels a call that arrives just as it shuts down, so callers first get to hear UNAVAILABLE.
_QUIET_SECONDS = 0.25

logger = logging.getLogger(__name__)


class RunningServer:
    """A server that listens; as a context manager, it stops when the block ends.

    Attributes:
        host: address it listens on.
        port: the port it got.
        core: what answers, for other protocols beside gRPC.
    """

    def __init__(self, config: ServerConfig, observers: Sequence[Observer] = ()) -> None:
        """Listen and begin to load; see `serve`."""
        tls = _tls_files(config)
        credentials = None if tls is None else tls.credentials()
        self._token = None if config.token_file is None else Token.read(config.token_file)
        self._config = config
        self._health = health.HealthServicer()
        self._health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        self._reported: set[str] = set()
        self._stopping = False
        self._manager = ModelManager(config, self._report_health, self._report_warm_up)
        admission = Admission(config.max_concurrent_calls, config.max_queued_calls)
        self._observation = Observation.of(config, self._manager.availability, admission.at_work)
        self.core = ServerCore(self._manager, admission, [*observers, self._observation])
        self._server = self._make_server()
        self.host = config.host
        self.port = _bind(self._server, config.host, config.port, credentials)
        self._http = self._listen_for_http(tls)
        self._report_health()
        self._server.start()
        self._manager.start()

    @property
    def address(self) -> str:
        """What a client connects to, as "127.0.0.1:8500"."""
        return _join(self.host, self.port)

    def http_addresses(self) -> list[str]:
        """Return a line on each thing that the HTTP ports have, with its address."""
        return list(self._http.addresses())

    def wait_until_loaded(self, timeout_seconds: float | None = None) -> bool:
        """Wait until each model there was at the start is loaded or has failed; False if time ran out."""
        return self._manager.wait_for_first_pass(timeout_seconds)

    def is_ready(self) -> bool:
        """Say whether loading is over, a model is live, and the server is not about to end."""
        live = any(self._manager.availability().values())
        return live and self._manager.wait_for_first_pass(0) and not self._stopping

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the server has ended; False if time ran out before."""
        return not self._server.wait_for_termination(timeout_seconds)

    def stop(self) -> None:
        """Report not ready, refuse new calls, answer those in flight for at most `drain_seconds`, and end."""
        self._stopping = True
        self._health.enter_graceful_shutdown()
        self.core.close()
        self.core.wait_until_idle(self._config.drain_seconds)
        self.core.wait_until_quiet(_QUIET_SECONDS, _LAST_WORDS_SECONDS)
        stopping = self._server.stop(_LAST_WORDS_SECONDS)
        self._http.stop(_LAST_WORDS_SECONDS)
        stopping.wait()
        self._manager.stop()
        self._observation.close()

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _make_server(self) -> grpc.Server:
        threads = self._config.max_concurrent_calls + self._config.max_queued_calls + SPARE_THREADS
        server = grpc.server(
            futures.ThreadPoolExecutor(threads, thread_name_prefix="kzoo-call"),
            interceptors=[] if self._token is None else [TokenInterceptor(self._token)],
            maximum_concurrent_rpcs=threads,  # what finds no thread is refused, not queued
            options=[
                ("grpc.max_receive_message_length", self._config.max_message_bytes),
                ("grpc.max_send_message_length", self._config.max_message_bytes),
                ("grpc.so_reuseport", 0),  # a port in use is an error, not a second server on it
            ],
        )
        add_services(self.core, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection(SERVICE_NAMES, server, pool=service_pool())
        return server

    def _listen_for_http(self, tls: TlsFiles | None) -> HttpService:
        parts = HttpParts(
            api=RestApi(self.core),
            metrics=self._observation.metrics,
            availability=self._manager.availability,
            is_ready=self.is_ready,
            grpc_address=self.address,
            tls=tls,
            token=self._token,
        )
        try:
            return HttpService(self._config, parts)
        except ServingError:
            self._server.stop(None)
            raise

    def _report_warm_up(self, path: str, status: str, seconds: float) -> None:
        self._observation.metrics.record_warm_up(path, status, seconds)

    def _report_health(self) -> None:
        """Set the health of each model, and of the server: good once loading is over and a model is live."""
        availability = self._manager.availability()
        gone = dict.fromkeys(self._reported - availability.keys(), False)
        for name, available in {**gone, **availability}.items():
            self._health.set(name, _health_of(available))
        self._reported.update(availability)
        self._health.set("", _health_of(self.is_ready()))


def serve(config: ServerConfig, observers: Sequence[Observer] = ()) -> RunningServer:
    """Start a server of the models in `config.base` and return it; the models are loaded meanwhile.

    Args:
        config: what to serve and where.
        observers: told of every call that has ended.

    Raises:
        ServingError: if there is no such folder, or the port is in use or not allowed.
    """
    return RunningServer(config, observers)


def run(config: ServerConfig, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then answer the calls in flight and return; in the main thread only.

    A second signal ends the process at once.

    Args:
        config: what to serve and where.
        announce: told the address as soon as the server listens, and in further lines those of HTTP.

    Raises:
        ServingError: as `serve`.
    """
    ended = threading.Event()
    previous: dict[signal.Signals, Any] = {}

    def end(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        previous[number] = signal.signal(number, end)
    try:
        with serve(config) as server:
            announce(f"listening on {server.address}")
            for line in server.http_addresses():
                announce(line)
            ended.wait()
            logger.info("ending: calls in flight have %g seconds", config.drain_seconds)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _health_of(ready: bool) -> Any:
    status = health_pb2.HealthCheckResponse
    return status.SERVING if ready else status.NOT_SERVING


def _bind(server: grpc.Server, host: str, port: int, credentials: grpc.ServerCredentials | None) -> int:
    """Return the port that was bound.

    Raises:
        ServingError: with the system's reason, which gRPC does not tell.
    """
    address = _join(host, port)
    try:
        if credentials is None:
            return int(server.add_insecure_port(address))
        return int(server.add_secure_port(address, credentials))
    except RuntimeError as error:
        raise ServingError(f"cannot listen on {address}: {_reason_not_to_bind(host, port)}") from error


def _reason_not_to_bind(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family):
            return "the system refused it for a moment; try again"
    except OSError as error:
        return error.strerror or str(error)


def _tls_files(config: ServerConfig) -> TlsFiles | None:
    if config.tls_certificate is None or config.tls_key is None:
        return None
    return TlsFiles(config.tls_certificate, config.tls_key, config.tls_client_ca)


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
