"""A line on standard error while something of unknown length runs, where someone watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stage(description: str, quiet: bool) -> Iterator[None]:
    """Show `description` with a spinner while the block runs; silent without a terminal or when told."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(description):
        yield
