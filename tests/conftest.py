"""What all tests share: quiet libraries, the user's cache for the house set, and no writing elsewhere."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import pytest

from kzoo.cli.quiet import import_tensorflow
from kzoo.files import cache_folder

LONGEST_FIRST = (
    "pipeline/test_retraining.py",
    "contract/test_exports_of_every_model.py",
    "evaluation/test_reproduce.py",
    "training/test_adversarial_strategies.py",
    "training/test_resume.py",
    "training/test_launch.py",
    "serving/test_endurance.py",
    "contract/test_every_model.py",
    "pipeline/test_kills.py",
    "contract/test_mixed_precision.py",
    "training/test_matching_task.py",
    "evaluation/test_judge.py",
    "export/test_export.py",
    "training/test_strategies.py",
    "cli/test_command.py",
    "contract/test_one_step.py",
    "training/test_adversarial.py",
    "training/test_workers.py",
)
"""Begun first, so that at the end no process is left with one of them alone; the others come after."""

hypothesis.settings.register_profile("kzoo", deadline=None, print_blob=True)
hypothesis.settings.load_profile("kzoo")


def pytest_configure(config: pytest.Config) -> None:
    """Give the tests, and the processes they start, an empty home of their own.

    Only kzoo's cache folder stays the user's: the house set is built there once, not in every run.
    """
    home = tempfile.mkdtemp(prefix="kzoo-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ["KZOO_CACHE"] = str(cache_folder().absolute())
    os.environ["HOME"] = home
    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "KERAS_HOME", "MPLCONFIGDIR"):
        os.environ.pop(variable, None)
    os.environ.pop("TFDS_DATA_DIR", None)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    if hasattr(config, "workerinput"):
        # What a process of pytest-xdist writes while it collects would come after pytest's closing line.
        import_tensorflow()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, which holds between processes with --no-loadscope-reorder."""
    folder = Path(__file__).parent
    rank = {folder / name: number for number, name in enumerate(LONGEST_FIRST)}
    if lost := [str(path) for path in rank if not path.is_file()]:
        raise pytest.UsageError(
            f"LONGEST_FIRST of tests/conftest.py names what is not there: {', '.join(lost)}"
        )
    items.sort(key=lambda item: rank.get(item.path, len(rank)))
