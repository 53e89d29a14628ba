"""Clients of TensorFlow Serving's gRPC protocol: NumPy in, NumPy out.

They work against the embedded server and against TensorFlow Serving itself. `Client` waits, `AsyncClient` is
awaited; both have every call of `kzoo.serving.calls` and `kzoo.serving.task_calls`, by the same arguments.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import grpc
import grpc.aio

from kzoo.errors import UsageError
from kzoo.serving import calls, task_calls
from kzoo.serving.calls import Call, ModelMetadata, SignatureMetadata
from kzoo.serving.config import MEBIBYTE
from kzoo.serving.connection import ClientTls, Connection
from kzoo.serving.errors import DeadlineExceededError, NotFoundError, UnavailableError
from kzoo.serving.results import Classification
from kzoo.serving.retries import MAX_ATTEMPTS, Attempts, RetryPolicy
from kzoo.serving.status import VersionStatus

__all__ = [
    "AsyncClient",
    "Classification",
    "Client",
    "ClientTls",
    "ModelMetadata",
    "SignatureMetadata",
]

POLL_SECONDS = 0.1

P = ParamSpec("P")
Answer = TypeVar("Answer")


class _Method(Generic[P, Answer]):
    """A described call as a method of Client."""

    def __init__(self, describe: Callable[P, Call[Answer]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Call[Answer]]: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, Answer]: ...
    def __get__(self, client: Client | None, owner: type) -> Callable[P, Any]:
        if client is None:
            return self._describe

        @functools.wraps(self._describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Answer:
            return client.send(self._describe(*args, **kwargs))

        return method


class _AsyncMethod(Generic[P, Answer]):
    """A described call as a method of AsyncClient."""

    def __init__(self, describe: Callable[P, Call[Answer]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Call[Answer]]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, Awaitable[Answer]]: ...
    def __get__(self, client: AsyncClient | None, owner: type) -> Callable[P, Any]:
        if client is None:
            return self._describe

        @functools.wraps(self._describe)
        async def method(*args: P.args, **kwargs: P.kwargs) -> Answer:
            return await client.send(self._describe(*args, **kwargs))

        return method


class _Base:
    """What both clients are made of; see Client."""

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = 30.0,
        max_attempts: int = MAX_ATTEMPTS,
        first_backoff_seconds: float = 0.1,
        max_message_bytes: int = 64 * MEBIBYTE,
        tls: ClientTls | None = None,
        token: str | None = None,
    ) -> None:
        """Prepare a connection; it is made by the first call.

        Args:
            address: as "localhost:8500".
            timeout_seconds: time that a call may take, with all its attempts; above 0.
            max_attempts: of a call while the server is unavailable, 1 to 5.
            first_backoff_seconds: mean pause before the second attempt; above 0.
            max_message_bytes: of a request and of an answer.
            tls: for an encrypted connection.
            token: shown with every call.

        Raises:
            UsageError: for a value out of its range.
            ServingError: if a file of `tls` cannot be read.
        """
        self.address = address
        self._policy = RetryPolicy(timeout_seconds, max_attempts, first_backoff_seconds)
        self._connection = Connection(address, tls, token, max_message_bytes)

    def _methods_of(self, channel: Any) -> Callable[[Call[Any]], Any]:
        stubs = functools.cache(lambda kind: kind(channel))
        return lambda call: getattr(stubs(call.stub), call.method)


class Client(_Base):
    """Calls a server over one connection, which threads may share; as a context manager, closed at the end.

    A call that finds the server unavailable is made again, up to five times in all, after pauses that grow
    and are drawn at random, within the time that the call has. Nothing else is retried.
    """

    def __init__(self, address: str, **options: Any) -> None:
        super().__init__(address, **options)
        self._channel = self._connection.open()
        self._method = self._methods_of(self._channel)

    def send(self, call: Call[Answer]) -> Answer:
        """Make a described call and return its answer.

        Raises:
            CallError: the server's status, as its class.
            UsageError: if the client is closed, or the message cannot be sent.
        """
        attempts = Attempts(self._policy, self.address, call.timeout_seconds)
        while True:
            try:
                response = self._method(call)(
                    call.request, timeout=attempts.seconds_left(), metadata=self._connection.metadata()
                )
            except grpc.RpcError as error:
                time.sleep(attempts.pause_after(error))
            except ValueError as error:
                raise UsageError(f"the call cannot be made: {error}") from error
            else:
                return call.read(response)

    predict = _Method(calls.predict)
    metadata = _Method(calls.metadata)
    status = _Method(calls.status)
    classify = _Method(task_calls.classify)
    segment = _Method(task_calls.segment)
    edges = _Method(task_calls.edges)
    embed = _Method(task_calls.embed)
    embed_text = _Method(task_calls.embed_text)
    search = _Method(task_calls.search)
    translate = _Method(task_calls.translate)
    swap = _Method(task_calls.swap)

    def wait_until_ready(
        self, model: str, *, version: int | None = None, timeout_seconds: float = 60.0
    ) -> VersionStatus:
        """Wait until a model is available, be the server still starting, and return that version's status.

        Args:
            model: its name.
            version: the one to wait for, which need not be there yet; any by default.
            timeout_seconds: how long.

        Raises:
            NotFoundError: if the server does not have the model; with a `version`, it may still come.
            DeadlineExceededError: if it is not available in time; the message says how it stands.
            CallError: as `predict`.
        """
        wait = _Wait(model, version, timeout_seconds)
        while True:
            try:
                ready = wait.ready(self.send(wait.question()))
            except (UnavailableError, DeadlineExceededError, NotFoundError) as error:
                wait.not_yet(error)
            else:
                if ready is not None:
                    return ready
            wait.check_time()
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Close the connection; calls in flight are cancelled."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Base):
    """As Client, for one event loop: its methods are awaited; an asynchronous context manager."""

    def __init__(self, address: str, **options: Any) -> None:
        super().__init__(address, **options)
        self._channel = self._connection.open(grpc.aio)
        self._method = self._methods_of(self._channel)

    async def send(self, call: Call[Answer]) -> Answer:
        """Make a described call; errors as `Client.send`."""
        attempts = Attempts(self._policy, self.address, call.timeout_seconds)
        while True:
            try:
                response = await self._method(call)(
                    call.request, timeout=attempts.seconds_left(), metadata=self._connection.metadata()
                )
            except grpc.RpcError as error:
                await asyncio.sleep(attempts.pause_after(error))
            except (ValueError, grpc.aio.UsageError) as error:
                raise UsageError(f"the call cannot be made: {error}") from error
            else:
                return call.read(response)

    predict = _AsyncMethod(calls.predict)
    metadata = _AsyncMethod(calls.metadata)
    status = _AsyncMethod(calls.status)
    classify = _AsyncMethod(task_calls.classify)
    segment = _AsyncMethod(task_calls.segment)
    edges = _AsyncMethod(task_calls.edges)
    embed = _AsyncMethod(task_calls.embed)
    embed_text = _AsyncMethod(task_calls.embed_text)
    search = _AsyncMethod(task_calls.search)
    translate = _AsyncMethod(task_calls.translate)
    swap = _AsyncMethod(task_calls.swap)

    async def close(self) -> None:
        """Close the connection; calls in flight are cancelled."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Wait:
    """How long a model is waited for, and what was last heard of it."""

    def __init__(self, model: str, version: int | None, timeout_seconds: float) -> None:
        self._model, self._version, self._seconds = model, version, timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._found = ""

    def question(self) -> Call[list[VersionStatus]]:
        left = max(self._deadline - time.monotonic(), POLL_SECONDS)
        return calls.status(self._model, version=self._version, timeout_seconds=left)

    def ready(self, statuses: list[VersionStatus]) -> VersionStatus | None:
        self._found = ", ".join(f"version {s.version} {s.state} {s.error}".rstrip() for s in statuses)
        return next((status for status in statuses if status.state == "AVAILABLE"), None)

    def not_yet(self, error: Exception) -> None:
        if self._version is None and isinstance(error, NotFoundError):
            raise error
        if not (self._found and isinstance(error, DeadlineExceededError)):  # time out says the least
            self._found = str(error)

    def check_time(self) -> None:
        if time.monotonic() + POLL_SECONDS > self._deadline:
            raise DeadlineExceededError(
                f"{self._model} is not ready after {self._seconds:g} seconds: {self._found}"
            )
