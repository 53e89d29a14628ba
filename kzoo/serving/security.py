"""Who may call: TLS, certificates of clients, and a bearer token."""

from __future__ import annotations

import hmac
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import grpc

from kzoo.errors import ServingError
from kzoo.serving.errors import UnauthenticatedError

AUTHORIZATION = "authorization"
_SCHEME = "Bearer "
# Asked by what starts and watches servers, which holds no token.
_OPEN_METHODS = "/grpc.health.v1.Health/"


@dataclass(frozen=True)
class TlsFiles:
    """PEM files of a server.

    Attributes:
        certificate: its chain of certificates.
        key: its private key.
        client_ca: certificates of the authorities that signed those of clients; None to ask for none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Return what a gRPC server listens with.

        Raises:
            ServingError: if a file cannot be read, or certificate and key do not belong together.
        """
        self._check()
        authorities = None if self.client_ca is None else _read(self.client_ca)
        return grpc.ssl_server_credentials(
            [(_read(self.key), _read(self.certificate))],
            root_certificates=authorities,
            require_client_auth=authorities is not None,
        )

    def _check(self) -> None:
        """Raise what gRPC would only log."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for path in filter(None, (self.certificate, self.key, self.client_ca)):
            _read(path)
        try:
            context.load_cert_chain(self.certificate, self.key)
        except ssl.SSLError as error:
            raise ServingError(
                f"{self.certificate} and {self.key} are no certificate and its key in PEM: {error}"
            ) from error
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except ssl.SSLError as error:
                raise ServingError(f"{self.client_ca} holds no certificates in PEM: {error}") from error


class Token:
    """The secret that every caller must show."""

    def __init__(self, secret: str) -> None:
        self._expected = (_SCHEME + secret).encode()

    @classmethod
    def read(cls, path: Path) -> Token:
        """Read it from a file; white space around it does not count.

        Raises:
            ServingError: if the file cannot be read, or holds nothing or more than one line.
        """
        secret = _read(path).decode("utf-8", "replace").strip()
        if not secret or len(secret.split()) > 1:
            raise ServingError(f"{path} must hold one token without spaces")
        return cls(secret)

    def check(self, authorization: str | bytes | None) -> None:
        """Make sure that a call's `authorization` is "Bearer" and the token; None where it has none.

        Raises:
            UnauthenticatedError: if it is not.
        """
        given = authorization.encode() if isinstance(authorization, str) else authorization or b""
        if not hmac.compare_digest(given, self._expected):
            received = "another" if given else "none"
            raise UnauthenticatedError(
                f"expected the header 'authorization: Bearer TOKEN'; received {received}"
            )


class TokenInterceptor(grpc.ServerInterceptor):
    """Refuses calls without the token, but for those that ask for health."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def intercept_service(
        self, continuation: Callable[[Any], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Return the handler of a call, or one that ends it with UNAUTHENTICATED."""
        handler = continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(_OPEN_METHODS):
            return handler
        try:
            self._token.check(dict(handler_call_details.invocation_metadata).get(AUTHORIZATION))
        except UnauthenticatedError as error:
            return _refusal(handler, str(error))
        return handler


def _refusal(handler: Any, message: str) -> Any:
    def refuse(_request: Any, context: grpc.ServicerContext) -> NoReturn:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, message)
        raise AssertionError("abort returned")

    if handler.request_streaming:
        return grpc.stream_stream_rpc_method_handler(refuse)
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(refuse)
    return grpc.unary_unary_rpc_method_handler(refuse)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ServingError(f"{path} cannot be read: {error.strerror}") from error
