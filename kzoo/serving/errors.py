"""What a call can fail with: raised in the server, sent as a gRPC status, raised again by the client."""

from __future__ import annotations

from typing import ClassVar

from kzoo.errors import ServingError


class CallError(ServingError):
    """A call was refused or failed; the message is what the server said.

    Attributes:
        status: gRPC's name of the reason, as "NOT_FOUND".
    """

    default_status: ClassVar[str] = "UNKNOWN"

    def __init__(self, message: str, status: str | None = None) -> None:
        super().__init__(message)
        self.status = status or self.default_status


class NotFoundError(CallError):
    """No such model, or no such version of it."""

    default_status = "NOT_FOUND"


class InvalidArgumentError(CallError):
    """The request does not fit the signature, or the model refused its content."""

    default_status = "INVALID_ARGUMENT"


class FailedPreconditionError(CallError):
    """The version asked for is still being loaded, or is not what the method needs."""

    default_status = "FAILED_PRECONDITION"


class ResourceExhaustedError(CallError):
    """The server answers as many calls as it may, with its queue full, or a message is too large."""

    default_status = "RESOURCE_EXHAUSTED"


class DeadlineExceededError(CallError):
    """No answer within the time that the caller gave."""

    default_status = "DEADLINE_EXCEEDED"


class UnavailableError(CallError):
    """No server answers at the address, or it is about to end; worth a retry."""

    default_status = "UNAVAILABLE"


class UnauthenticatedError(CallError):
    """The server asks for a token, and the call has none or a wrong one."""

    default_status = "UNAUTHENTICATED"


class CancelledError(CallError):
    """The caller gave the call up."""

    default_status = "CANCELLED"


class UnimplementedError(CallError):
    """The server does not have this method."""

    default_status = "UNIMPLEMENTED"


class InternalError(CallError):
    """Something broke inside the server; its log says what."""

    default_status = "INTERNAL"


_BY_STATUS: dict[str, type[CallError]] = {
    kind.default_status: kind
    for kind in (
        NotFoundError,
        InvalidArgumentError,
        FailedPreconditionError,
        ResourceExhaustedError,
        DeadlineExceededError,
        UnavailableError,
        UnauthenticatedError,
        CancelledError,
        UnimplementedError,
        InternalError,
    )
}


def error_of_status(status: str, message: str) -> CallError:
    """Return the error for a gRPC status name, as "NOT_FOUND"; a plain CallError where it has no class."""
    return _BY_STATUS.get(status, CallError)(message, status)
