"""The data sets that are no labelled images, by name: persons, label maps, edges, pairs of domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from kzoo.data.data_source import Split
from kzoo.data.domains import DOMAINS, open_domains
from kzoo.data.edge_sources import BUILT as EDGES
from kzoo.data.edge_sources import open_edges
from kzoo.data.layers import EMOJI_LAYERS, open_layers
from kzoo.data.people import PEOPLE, open_people
from kzoo.data.voc import VOC, open_voc


class Described(Protocol):
    """What every source of data says of itself."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def classes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def splits(self) -> Mapping[str, Split]: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102
    @property
    def licence(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102


OPENERS: Mapping[str, Callable[[], Described]] = {
    EMOJI_LAYERS: partial(open_layers, EMOJI_LAYERS),
    VOC: open_voc,
    **{name: partial(open_edges, name) for name in EDGES},
    **{name: partial(open_domains, name) for name in DOMAINS},
    **{name: partial(open_people, name) for name in PEOPLE},
}
"""Name to the function that opens it, building it where it is absent."""
