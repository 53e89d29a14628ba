"""A folder of images asked about over one connection, some at a time, answered in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from kzoo.errors import DataError, KzooError, UsageError
from kzoo.serving.calls import Call

if TYPE_CHECKING:
    from kzoo.serving.client import AsyncClient, Client

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp"})
CONCURRENCY = 8

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class FileAnswer(Generic[Answer]):
    """What was said of one file: an answer, or why there is none.

    Attributes:
        path: of the image.
        answer: None if it failed.
        error: None if it did not.
    """

    path: Path
    answer: Answer | None = None
    error: KzooError | None = None


def images_in(folder: Path) -> list[Path]:
    """Return the image files in a folder and those below it, by path.

    Raises:
        DataError: if it is no folder, or holds none.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise DataError(f"{folder} holds no image; expected {', '.join(sorted(IMAGE_SUFFIXES))}")
    return found


def stream(
    client: Client,
    describe: Callable[[Path], Call[Answer]],
    paths: Iterable[Path],
    *,
    concurrency: int = CONCURRENCY,
    stop_on_error: bool = False,
) -> Iterator[FileAnswer[Answer]]:
    """Ask about files, at most `concurrency` at a time, and yield the answers in the files' order.

    Args:
        client: whose connection all calls share.
        describe: from a path to the call, as `lambda path: task_calls.edges("hed", path)`.
        paths: read as they are needed.
        concurrency: 1 or more.
        stop_on_error: raise a file's error in its place, instead of yielding it and going on.

    Raises:
        UsageError: if `concurrency` is below 1.
        KzooError: of a file, with `stop_on_error`.
    """
    _check(concurrency)

    def ask(path: Path) -> FileAnswer[Answer]:
        try:
            return FileAnswer(path, client.send(describe(path)))
        except KzooError as error:
            return FileAnswer(path, error=error)

    waiting: deque[Future[FileAnswer[Answer]]] = deque()
    with ThreadPoolExecutor(concurrency, thread_name_prefix="kzoo-stream") as threads:
        try:
            for path in paths:
                waiting.append(threads.submit(ask, path))
                if len(waiting) == concurrency:
                    yield _checked(waiting.popleft().result(), stop_on_error)
            while waiting:
                yield _checked(waiting.popleft().result(), stop_on_error)
        finally:
            for one in waiting:
                one.cancel()


async def stream_async(
    client: AsyncClient,
    describe: Callable[[Path], Call[Answer]],
    paths: Iterable[Path],
    *,
    concurrency: int = CONCURRENCY,
    stop_on_error: bool = False,
) -> AsyncIterator[FileAnswer[Answer]]:
    """As `stream`, in an event loop."""
    _check(concurrency)

    async def ask(path: Path) -> FileAnswer[Answer]:
        try:
            call = await asyncio.to_thread(describe, path)
            answer: Answer = await client.send(call)
            return FileAnswer(path, answer)
        except KzooError as error:
            return FileAnswer(path, error=error)

    waiting: deque[asyncio.Task[FileAnswer[Answer]]] = deque()
    try:
        for path in paths:
            waiting.append(asyncio.create_task(ask(path)))
            if len(waiting) == concurrency:
                yield _checked(await waiting.popleft(), stop_on_error)
        while waiting:
            yield _checked(await waiting.popleft(), stop_on_error)
    finally:
        for one in waiting:
            one.cancel()


def with_progress(answers: Iterable[Answer], total: int, description: str = "asking") -> Iterator[Answer]:
    """Yield answers while a bar on standard error counts them; silent without a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(
        answers, description, total=total, console=console, disable=not console.is_terminal, transient=True
    )


def _check(concurrency: int) -> None:
    if concurrency < 1:
        raise UsageError(f"concurrency must be 1 or more; received {concurrency}")


def _checked(answer: FileAnswer[Answer], stop_on_error: bool) -> FileAnswer[Answer]:
    if stop_on_error and answer.error is not None:
        raise answer.error
    return answer
