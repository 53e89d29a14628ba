"""`python -m tfx_pipeline.watched ARGUMENT...` is `kzoo ARGUMENT...`, and ends when its standard input does.

Who starts it holds the other end of a pipe, so that it ends with that process, however that one ends.
"""

from __future__ import annotations

import os
import sys
import threading

from kzoo.cli import main


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    main()
