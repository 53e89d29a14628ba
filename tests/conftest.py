"""What all tests share: quiet libraries, the user's cache for the house set, and no writing elsewhere."""

from __future__ import annotations

import os
import shutil
import tempfile

import hypothesis
import pytest

from kzoo.cli.quiet import import_tensorflow
from kzoo.files import cache_folder

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
