"""The data sets that are no labelled images, by name: persons, label maps, edges, pairs of domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from kzoo.data.data_source import Source
from kzoo.data.domains import DOMAINS, open_domains
from kzoo.data.edge_sources import BUILT as EDGES
from kzoo.data.edge_sources import open_edges
from kzoo.data.layers import EMOJI_LAYERS, open_layers
from kzoo.data.people import PEOPLE, open_people
from kzoo.data.voc import VOC, open_voc

OPENERS: Mapping[str, Callable[[], Source]] = {
    EMOJI_LAYERS: partial(open_layers, EMOJI_LAYERS),
    VOC: open_voc,
    **{name: partial(open_edges, name) for name in EDGES},
    **{name: partial(open_domains, name) for name in DOMAINS},
    **{name: partial(open_people, name) for name in PEOPLE},
}
"""Name to the function that opens it, building it where it is absent."""
