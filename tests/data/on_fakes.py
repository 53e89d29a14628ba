"""TFDS's own test of builders, over a folder that is made for it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar


class OnFakes:
    """Gives TFDS's own test of builders a folder that is made for it."""

    FAKE: ClassVar[Any]

    def test_session(self, *args: Any, **options: Any) -> Any:
        """A method of TensorFlow's base class that is no test, whatever its name."""
        return super().test_session(*args, **options)

    test_session.__test__ = False

    @classmethod
    def setUpClass(cls) -> None:
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        cls.FAKE(Path(cls.EXAMPLE_DIR))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        shutil.rmtree(cls.EXAMPLE_DIR)
