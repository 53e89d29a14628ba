"""Serving over TensorFlow Serving's own gRPC protocol: an embedded server and a client.

Importing this package imports neither TensorFlow nor gRPC; its names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kzoo.serving.client import AsyncClient, Classification, Client, ClientTls, ModelMetadata
    from kzoo.serving.config import ServerConfig
    from kzoo.serving.errors import CallError
    from kzoo.serving.server import RunningServer, run, serve
    from kzoo.serving.status import VersionStatus

_MODULE_OF = {
    "AsyncClient": "client",
    "CallError": "errors",
    "Classification": "client",
    "Client": "client",
    "ClientTls": "client",
    "ModelMetadata": "client",
    "RunningServer": "server",
    "ServerConfig": "config",
    "VersionStatus": "status",
    "run": "server",
    "serve": "server",
}

__all__ = [
    "AsyncClient",
    "CallError",
    "Classification",
    "Client",
    "ClientTls",
    "ModelMetadata",
    "RunningServer",
    "ServerConfig",
    "VersionStatus",
    "run",
    "serve",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
