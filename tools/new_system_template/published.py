"""The numbers that the source prints, each once; tables of the pages and of the card are made from them."""

from __future__ import annotations

from kzoo.system import PublishedResult

PUBLISHED: tuple[PublishedResult, ...] = ()
