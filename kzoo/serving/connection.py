"""Where a client connects to, and how it shows who it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from kzoo.errors import ServingError, UsageError
from kzoo.serving.config import MEBIBYTE


@dataclass(frozen=True)
class ClientTls:
    """What a client needs of TLS, in PEM files.

    Attributes:
        authorities: certificates that signed the server's; None for those that gRPC brings.
        certificate: the client's own chain, where the server asks for one.
        key: of that certificate.
        server_name: the name in the server's certificate, where it is not the address's.

    Raises:
        UsageError: for a certificate without its key, or a key without its certificate.
    """

    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise UsageError(
                f"a certificate and its key go together; received {self.certificate}, {self.key}"
            )

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files.

        Raises:
            ServingError: if one cannot be read, or is not PEM.
        """
        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.authorities),
            private_key=_read(self.key),
            certificate_chain=_read(self.certificate),
        )


@dataclass(frozen=True)
class Connection:
    """An address with everything that a channel to it needs.

    Attributes:
        address: as "localhost:8500".
        tls: None for a connection that is not encrypted.
        token: sent with each call as "authorization: Bearer TOKEN"; without TLS all on the way can read it.
        max_message_bytes: of a request and of an answer.
    """

    address: str
    tls: ClientTls | None = None
    token: str | None = field(default=None, repr=False)
    max_message_bytes: int = 64 * MEBIBYTE

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what goes with each call."""
        return () if self.token is None else (("authorization", f"Bearer {self.token}"),)

    def open(self, grpc_module: Any = grpc) -> Any:
        """Return a channel, which connects at its first call.

        Args:
            grpc_module: `grpc` for a channel that threads share, `grpc.aio` for one of an event loop.
        """
        if self.tls is None:
            return grpc_module.insecure_channel(self.address, options=self._options())
        return grpc_module.secure_channel(self.address, self.tls.credentials(), options=self._options())

    def _options(self) -> Sequence[tuple[str, Any]]:
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", self.max_message_bytes),
            ("grpc.max_send_message_length", self.max_message_bytes),
            ("grpc.enable_retries", 0),  # kzoo.serving.retries does it, with full jitter
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
        ]
        if self.tls is not None and self.tls.server_name is not None:
            options.append(("grpc.ssl_target_name_override", self.tls.server_name))
        return options


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ServingError(f"{path} cannot be read: {error.strerror}") from error
    if b"-----BEGIN " not in content:
        raise ServingError(f"{path} is no PEM file: it has no line '-----BEGIN ...'")
    return content
