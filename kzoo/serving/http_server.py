"""HTTP/1.1 by Cheroot: requests with bounded bodies in, answers out, over connections that stay open."""

from __future__ import annotations

import gzip
import logging
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter

from kzoo.errors import ServingError
from kzoo.serving.security import TlsFiles

JSON = "application/json"
KEPT_CONNECTIONS = 1024
MAX_DISCARDED_BYTES = 256 << 20
BACKLOG = 128
IDLE_SECONDS = 60  # that a connection may say nothing, between requests or within one
MIN_COMPRESSED_BYTES = 1024
_COMPRESSION_LEVEL = 1  # answers are made while the caller waits
_CHUNK_BYTES = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What was asked.

    Attributes:
        method: as "GET".
        path: as it stood in the request, still percent-encoded, without the query.
        headers: by their names in lower case.
        body: decompressed.
        peer: address of the caller.
        arrival: when its head had been read, on the clock of time.perf_counter.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = ""
    arrival: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True)
class Response:
    """What is answered; `headers` come after those of type and length."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Sequence[tuple[str, str]] = ()


Handler = Callable[[Request], Response]
ErrorBody = Callable[[str], bytes]


class _RefusedError(Exception):
    """A body that is not read to its end."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class HttpServer:
    """A server that listens once it is made, and answers in threads of its own.

    Attributes:
        host: address it listens on.
        port: the port it got.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        host: str,
        port: int,
        threads: int,
        max_body_bytes: int,
        error_body: ErrorBody,
        tls: TlsFiles | None = None,
    ) -> None:
        """Listen and answer.

        Args:
            handler: answers a request; what it raises is logged and answered with status 500.
            host: to listen on.
            port: 0 takes a free one.
            threads: requests answered at a time; more of them wait.
            max_body_bytes: of a request, compressed and decompressed; more is refused with status 413.
            error_body: makes the body of a refusal from its message.
            tls: PEM files; None for connections that are not encrypted.

        Raises:
            ServingError: if the port is in use or not allowed.
        """
        self._application = _Application(handler, max_body_bytes, error_body)
        self._server = _WsgiServer(
            (host, port),
            self._application,
            numthreads=threads,
            server_name="kzoo",
            request_queue_size=BACKLOG,
            timeout=IDLE_SECONDS,
        )
        self._server.keep_alive_conn_limit = KEPT_CONNECTIONS
        self._server.max_request_header_size = _CHUNK_BYTES
        if tls is not None:
            self._server.ssl_adapter = _tls_adapter(tls)
        try:
            self._server.prepare()
        except OSError as error:
            raise ServingError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        self.host = host
        self.port = int(self._server.bind_addr[1])
        self._thread = threading.Thread(target=self._server.serve, name="kzoo-http", daemon=True)
        self._thread.start()

    def stop(self, drain_seconds: float) -> None:
        """Take no more connections, answer the requests that came for at most `drain_seconds`, and end."""
        self._server.shutdown_timeout = drain_seconds
        self._server.stop()
        self._thread.join()


class _WsgiServer(wsgi.Server):
    """Cheroot's server, with its own complaints in the log."""

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        logger.log(level, msg, exc_info=traceback)


class _Application:
    """WSGI around a handler: bodies read within their limit, compression, and errors made answers."""

    def __init__(self, handler: Handler, max_body_bytes: int, error_body: ErrorBody) -> None:
        self._handler = handler
        self._max_body_bytes = max_body_bytes
        self._error_body = error_body

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        response = self._answer(environ)
        body = response.body
        headers = [("Content-Type", response.content_type), *response.headers]
        if len(body) >= MIN_COMPRESSED_BYTES and _accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            body = gzip.compress(body, _COMPRESSION_LEVEL)
            headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        headers.append(("Content-Length", str(len(body))))
        start_response(f"{response.status} {_phrase(response.status)}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: dict[str, Any]) -> Response:
        arrival = time.perf_counter()
        try:
            request = Request(
                method=environ["REQUEST_METHOD"],
                path=urlsplit(environ["REQUEST_URI"]).path,
                headers=_headers(environ),
                body=self._body(environ),
                peer=environ["REMOTE_ADDR"],
                arrival=arrival,
            )
            return self._handler(request)
        except _RefusedError as error:
            return Response(error.status, self._error_body(str(error)))
        except Exception as error:
            logger.exception("%s %s failed", environ["REQUEST_METHOD"], environ["REQUEST_URI"])
            return Response(500, self._error_body(f"{type(error).__name__}: {error}"))

    def _body(self, environ: dict[str, Any]) -> bytes:
        declared = int(environ.get("CONTENT_LENGTH") or 0)
        chunks = iter(lambda: environ["wsgi.input"].read(_CHUNK_BYTES), b"")
        if declared > self._max_body_bytes:
            if declared <= MAX_DISCARDED_BYTES:
                _discard(chunks)
            raise self._too_large(f"{declared} bytes")
        encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
        if encoding not in ("identity", "gzip"):
            raise _RefusedError(415, f"a body may be encoded by gzip; received {encoding}")
        try:
            body = self._joined(chunks)
        except _RefusedError:
            _discard(chunks)
            raise
        return self._joined(_decompressed(body)) if encoding == "gzip" else body

    def _joined(self, chunks: Iterator[bytes]) -> bytes:
        joined = bytearray()
        for chunk in chunks:
            joined += chunk
            if len(joined) > self._max_body_bytes:
                raise self._too_large("more")
        return bytes(joined)

    def _too_large(self, received: str) -> _RefusedError:
        return _RefusedError(
            413, f"a body may have at most {self._max_body_bytes} bytes; received {received}"
        )


def _tls_adapter(files: TlsFiles) -> BuiltinSSLAdapter:
    """Return what wraps connections; the files have been checked where gRPC listens with them."""
    adapter = BuiltinSSLAdapter(str(files.certificate), str(files.key))
    adapter.context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.client_ca is not None:
        adapter.context.load_verify_locations(files.client_ca)
        adapter.context.verify_mode = ssl.CERT_REQUIRED
    return adapter


def _discard(chunks: Iterator[bytes]) -> None:
    """Read on without keeping anything, for a client that is still sending does not hear a refusal."""
    discarded = 0
    for chunk in chunks:
        discarded += len(chunk)
        if discarded > MAX_DISCARDED_BYTES:
            return


def _decompressed(body: bytes) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(_GZIP)
    try:
        rest = body
        while rest:
            yield decompressor.decompress(rest, _CHUNK_BYTES)
            rest = decompressor.unconsumed_tail
    except zlib.error as error:
        raise _RefusedError(400, f"the body is not compressed by gzip: {error}") from error
    if not decompressor.eof:
        raise _RefusedError(400, "the body compressed by gzip has no end")


def _accepts_gzip(header: str) -> bool:
    """Say whether an Accept-Encoding header names gzip, or any, with a weight above 0."""
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "").removeprefix("q=").rstrip("0.") != "" or not weight
    return False


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    prefix = "HTTP_"
    return {
        name.removeprefix(prefix).replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith(prefix)
    }


def _phrase(status: int) -> str:
    return "Client Closed Request" if status == 499 else HTTPStatus(status).phrase
