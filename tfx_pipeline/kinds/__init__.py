"""Kinds of data: how the examples of a source become records of a span, and a source again.

A system goes through the pipeline if its task opens one of these; nothing else of it is known here.
"""

from __future__ import annotations

from typing import Any

from kzoo.errors import UnknownNameError, UsageError
from tfx_pipeline.kinds.domains import Domains
from tfx_pipeline.kinds.edges import Edges
from tfx_pipeline.kinds.images import Images
from tfx_pipeline.kinds.kind import Described, Kind
from tfx_pipeline.kinds.label_maps import LabelMaps
from tfx_pipeline.kinds.layers import Layers
from tfx_pipeline.kinds.pairs import CaptionedPairs
from tfx_pipeline.kinds.people import People
from tfx_pipeline.kinds.segments import Segments

__all__ = ["KINDS", "Described", "Kind", "kind_named", "kind_of"]

_ALL = (Images(), CaptionedPairs(), Layers(), Edges(), LabelMaps(), Segments(), Domains(), People())
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}


def kind_of(source: Any) -> Kind:
    """Return the kind of an opened source.

    Raises:
        UsageError: if there is none for it.
    """
    for kind in KINDS.values():
        if isinstance(source, kind.source_type):
            return kind
    expected = ", ".join(kind.source_type.__name__ for kind in KINDS.values())
    raise UsageError(f"{source.name} is a {type(source).__name__}; spans hold what a {expected} gives")


def kind_named(name: str) -> Kind:
    """Return the kind of this name.

    Raises:
        UnknownNameError: if there is none.
    """
    if name not in KINDS:
        raise UnknownNameError("kind of span", name, KINDS)
    return KINDS[name]
