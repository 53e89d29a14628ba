"""The client's TLS, token, jitter and asynchronous twin, against real servers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import numpy as np
import pytest
from certificates import Authority
from serving_helpers import StartServer, png
from test_client import stumbling

from kzoo.errors import ServingError, UsageError
from kzoo.serving.client import AsyncClient, Client, ClientTls
from kzoo.serving.errors import NotFoundError, UnauthenticatedError, UnavailableError
from kzoo.serving.retries import RetryPolicy


def test_the_awaited_client_gives_what_the_waiting_one_gives(client: Client) -> None:
    async def ask() -> tuple[np.ndarray, list[str]]:
        async with AsyncClient(client.address) as asynchronous:
            both = await asyncio.gather(
                asynchronous.embed("tiny", [png(1)]), asynchronous.classify("tiny", [png(2)])
            )
            with pytest.raises(NotFoundError):
                await asynchronous.metadata("huge")
            return both[0], [name for name, _ in both[1][0].best]

    embedding, names = asyncio.run(ask())
    assert embedding.tolist() == client.embed("tiny", [png(1)]).tolist()
    assert names == [name for name, _ in client.classify("tiny", [png(2)])[0].best]


def test_the_awaited_client_asks_an_unavailable_server_again() -> None:
    async def ask(address: str, attempts: int) -> dict[str, np.ndarray]:
        async with AsyncClient(address, max_attempts=attempts, first_backoff_seconds=0.01) as asynchronous:
            return await asynchronous.predict("any", {})

    with stumbling(*[grpc.StatusCode.UNAVAILABLE] * 4) as (servicer, address):
        with pytest.raises(UnavailableError, match="stumbled"):
            asyncio.run(ask(address, 2))
        assert asyncio.run(ask(address, 5)) == {}
        assert servicer.calls == 5


def test_longest_pauses_double_up_to_a_bound() -> None:
    policy = RetryPolicy(first_backoff_seconds=0.1, max_backoff_seconds=0.3)
    assert [policy.longest_pause(attempt) for attempt in (1, 2, 3, 4)] == [0.2, 0.4, 0.6, 0.6]


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="go together"):
        ClientTls(certificate=tmp_path / "client.pem")


def test_a_client_shows_its_certificate_and_its_token(
    base: Path, tmp_path: Path, start_server: StartServer
) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.sign("server")
    mine, my_key = authority.sign("client")
    token_file = tmp_path / "token"
    token_file.write_text("open sesame\n".replace(" ", "-"))
    options = {"--tls-certificate": certificate, "--tls-key": key, "--tls-client-ca": authority.certificate}
    flat = [str(word) for pair in {**options, "--token-file": token_file}.items() for word in pair]
    address = start_server(base, *flat).address
    tls = ClientTls(authority.certificate, mine, my_key)
    with Client(address, tls=tls, token="open-sesame") as client:
        client.wait_until_ready("tiny")
        assert client.embed("tiny", [png(1)]).shape == (1, 3)
    with Client(address, tls=tls, token="wrong") as client, pytest.raises(UnauthenticatedError):
        client.status("tiny")
    nobody = ClientTls(authority.certificate)
    for refused in ({"tls": nobody}, {}):
        with (
            Client(address, token="open-sesame", max_attempts=1, **refused) as client,
            pytest.raises(UnavailableError),
        ):
            client.status("tiny")

    async def ask() -> np.ndarray:
        async with AsyncClient(address, tls=tls, token="open-sesame") as client:
            return await client.embed("tiny", [png(1)])

    assert asyncio.run(ask()).shape == (1, 3)


def test_files_of_tls_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"lost\.pem cannot be read"):
        Client("localhost:1", tls=ClientTls(tmp_path / "lost.pem"))
    (tmp_path / "text.pem").write_text("text")
    with pytest.raises(ServingError, match=r"text\.pem is no PEM file"):
        Client("localhost:1", tls=ClientTls(tmp_path / "text.pem"))
