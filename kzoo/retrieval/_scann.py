"""The one place that imports ScaNN.

The package's TensorFlow operation is built for another TensorFlow than ours and cannot be loaded beside it;
the searcher over NumPy arrays needs no TensorFlow. So the operation's module is masked, and TensorFlow, which
`import scann` would load for that operation alone, is too while ScaNN is imported.
"""

from __future__ import annotations

import sys
import threading
from types import ModuleType
from typing import Any

from kzoo.errors import RetrievalError

_OPERATION = "scann.scann_ops.py.scann_ops"
_importing = threading.Lock()


def scann_pybind() -> Any:
    """Return `scann.scann_ops_pybind`: ScaNN over NumPy arrays, without TensorFlow.

    Raises:
        RetrievalError: if ScaNN is not installed.
    """
    with _importing:
        modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
        modules.setdefault(_OPERATION, None)
        hide_tensorflow = "tensorflow" not in modules
        if hide_tensorflow:
            modules["tensorflow"] = None
        try:
            from scann.scann_ops.py import scann_ops_pybind
        except ModuleNotFoundError as error:
            if error.name != "scann":
                raise
            raise RetrievalError("an index needs ScaNN; expected `pip install kzoo[retrieval]`") from error
        finally:
            if hide_tensorflow:
                del modules["tensorflow"]
    return scann_ops_pybind
