"""Servers of small SavedModels, started once for all tests that do not end them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf
from serving_helpers import ServerProcess, StartServer, png, servers, strings, write_model

from kzoo.serving import Client


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    with servers(tmp_path_factory.mktemp("servers")) as start:
        yield start


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny` with versions 1 and 2, which answer differently, and records to warm up version 2."""
    base = tmp_path_factory.mktemp("savedmodels")
    write_model(base / "tiny" / "1", seed=1)
    records = [
        ("serving_default", {"image_bytes": strings(png(0))}),
        ("embed", {"image_bytes": strings(png(0))}),
    ]
    write_model(base / "tiny" / "2", seed=2, warm_up=records)
    return base


@pytest.fixture(scope="session")
def in_process(base: Path) -> dict[int, object]:
    """The same versions, loaded here."""
    return {version: tf.saved_model.load(str(base / "tiny" / str(version))) for version in (1, 2)}


@pytest.fixture(scope="session")
def server(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with servers(tmp_path_factory.mktemp("server")) as start:
        server = start(base, "--latest-versions", "2", "--max-message-bytes", str(1 << 20))
        yield server
        assert server.process.poll() is None, "a test ended the server"


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(server.address) as client:
        client.wait_until_ready("tiny", version=1)
        client.wait_until_ready("tiny", version=2)
        yield client
