"""The log of a run: what TFX, Beam and TensorFlow say, some hundred lines, and none of it on the screen."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_BEGUN = re.compile(r"Component (\S+) is running\.")


@contextmanager
def logged(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Append all that goes to standard error while the block lasts to a file, also from native code.

    Args:
        path: the file.
        say: called with the name of each component as it begins; it must not write to standard error itself,
            but to a copy of it that was made before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    screen, python_error = os.dup(2), sys.stderr
    with path.open("a", encoding="utf-8", buffering=1) as file:
        os.dup2(file.fileno(), 2)
        sys.stderr = file
        try:
            with _component_names(say, logging.StreamHandler(file)):
                yield
        finally:
            sys.stderr = python_error
            os.dup2(screen, 2)
            os.close(screen)


@contextmanager
def _component_names(say: Callable[[str], None], handler: logging.Handler) -> Iterator[None]:
    from absl import logging as absl_logging

    class Names(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if begun := _BEGUN.fullmatch(record.getMessage()):
                say(begun[1])

    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger, before = absl_logging.get_absl_logger(), absl_logging.get_verbosity()
    handlers, logger.handlers, logger.propagate = list(logger.handlers), [Names(), handler], False
    absl_logging.set_verbosity(absl_logging.INFO)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, True
        absl_logging.set_verbosity(before)
