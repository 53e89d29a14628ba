"""The emoji set at 32 px, built once for all tests of the data room."""

from __future__ import annotations

from pathlib import Path

import pytest

from kzoo.data.data_source import DataSource
from kzoo.data.sources import open_source


@pytest.fixture(scope="session")
def emoji_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("emoji-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KZOO_CACHE", str(cache))
        open_source("house/emoji", image_size_hint=32)
    return cache


@pytest.fixture
def emoji(emoji_cache: Path, monkeypatch: pytest.MonkeyPatch) -> DataSource:
    monkeypatch.setenv("KZOO_CACHE", str(emoji_cache))
    return open_source("house/emoji", build=False)
