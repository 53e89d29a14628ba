"""Names to systems. The rooms of `kzoo.systems` register themselves when they are imported."""

from __future__ import annotations

import fnmatch
import importlib
import pkgutil

from kzoo.errors import UnknownNameError, UsageError
from kzoo.system import System

_systems: dict[str, System] = {}
_rooms_loaded = False


def register(system: System) -> System:
    """Add a system.

    Raises:
        UsageError: if its name is taken.
    """
    if system.name in _systems:
        raise UsageError(
            f"a model named {system.name!r} is registered already, by room {_systems[system.name].room!r}"
        )
    _systems[system.name] = system
    return system


def find(name: str) -> System:
    """Return the system registered as `name`.

    Raises:
        UnknownNameError: if there is none, with the nearest names.
    """
    _load_rooms()
    if name not in _systems:
        raise UnknownNameError("model", name, _systems)
    return _systems[name]


def names(pattern: str = "*") -> list[str]:
    """Return the registered names that match a shell pattern, in the order of registration."""
    _load_rooms()
    return [name for name in _systems if fnmatch.fnmatchcase(name, pattern)]


def _load_rooms() -> None:
    global _rooms_loaded  # noqa: PLW0603
    if _rooms_loaded:
        return
    package = importlib.import_module("kzoo.systems")
    for room in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"kzoo.systems.{room}")
    _rooms_loaded = True
