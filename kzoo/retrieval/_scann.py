"""The one place that imports ScaNN.

The package's TensorFlow operation is built for TensorFlow 2.20 and cannot be loaded beside another; the
searcher over NumPy arrays needs no TensorFlow. So the operation's module is masked, and TensorFlow, which
`import scann` would load for that operation alone, is too while ScaNN is imported. Who asks for the operation
gets it where it can be loaded.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
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


def scann_operation() -> Any:
    """Return `scann.scann_ops`: ScaNN as operations of TensorFlow, which graphs that hold them need loaded.

    Raises:
        RetrievalError: if ScaNN is not installed, or its operation does not fit this TensorFlow.
    """
    scann_pybind()
    import tensorflow as tf

    with _importing:
        if sys.modules.get(_OPERATION) is None:
            sys.modules.pop(_OPERATION, None)
        try:
            return import_module(_OPERATION)
        except (ImportError, tf.errors.OpError) as error:
            sys.modules[_OPERATION] = None  # type: ignore[assignment]
            raise RetrievalError(
                f"ScaNN's operation cannot be loaded beside TensorFlow {tf.__version__}; expected 2.20, "
                "which it is built for: tools/setup.sh --graph makes an environment with it"
            ) from error
