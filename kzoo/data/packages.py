"""Packages of the optional extras, asked for when they are needed."""

from __future__ import annotations

from importlib.util import find_spec

from kzoo.errors import DataError


def require_packages(extra: str, *modules: str) -> None:
    """Raise DataError, with the command that brings them, if one of the modules is not installed."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise DataError(
            f"this data set needs packages that are not installed: {', '.join(missing)}; "
            f'install them with: pip install "kzoo[{extra}]"'
        )
