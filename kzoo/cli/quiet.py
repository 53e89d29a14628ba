"""Import TensorFlow without the informational lines that its native code writes to standard error."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings

_INFORMATION = re.compile(
    rb"I0000 |WARNING: All log messages before absl|To enable the following instructions"
)


def import_tensorflow() -> None:
    """Import it; what it writes meanwhile is shown unless it is informational, and always on failure.

    Its C++ logging starts before it can be told a level, so the file descriptor itself is held back.
    """
    if "tensorflow" in sys.modules:
        return
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import tensorflow  # noqa: F401

            failed = False
        except BaseException:
            failed = True
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            for line in held.read().splitlines(keepends=True):
                if failed or not _INFORMATION.match(line):
                    os.write(2, line)
