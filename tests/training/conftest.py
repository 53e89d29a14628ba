"""A folder of small pictures, and the tiny runs on it that several tests look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from training_helpers import draw_pictures, train_tiny


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 10, 4 and 2 pictures in train, validation and test."""
    return draw_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(scope="session")
def finished_run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An unbroken run of the tiny recipe on one device; to be copied before it is changed."""
    return train_tiny(pictures, tmp_path_factory.mktemp("runs") / "unbroken")
