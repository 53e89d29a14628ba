"""One progress bar for the data room: on stderr, and only where someone watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def progress_bar(items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
    """Yield `items` while a bar with `description` counts them to `total`; silent without a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(
        items, description, total=total, console=console, disable=not console.is_terminal, transient=True
    )
