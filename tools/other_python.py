"""Environments beside the zoo's own, for what it is compared with and cannot be installed with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def make_environment(folder: Path, packages: Sequence[str]) -> Path:
    """Install packages into a new environment in `folder` and return its Python.

    Raises:
        subprocess.CalledProcessError: if that fails; why stands on standard error.
    """
    uv = ["bash", str(Path(__file__).with_name("uv.sh"))]
    python = folder / "bin" / "python"
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), *packages], check=True)
    return python
