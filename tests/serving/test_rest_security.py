"""REST over TLS, with certificates of clients and a token."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from rest_models import write_half_plus
from serving_helpers import ServerProcess, StartServer

MAKE_CERTIFICATES = Path(__file__).parents[2] / "serving" / "tls" / "make-certificates.sh"
HALF_PLUS_TWO = "/v1/models/half_plus_two"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["bash", MAKE_CERTIFICATES, folder, "127.0.0.1"], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def secure_server(
    certificates: Path, tmp_path_factory: pytest.TempPathFactory, start_server: StartServer
) -> ServerProcess:
    base = tmp_path_factory.mktemp("secure")
    write_half_plus(base / "half_plus_two" / "123", 2.0)
    token = certificates / "token"
    token.write_text("secret\n")
    files = {"certificate": "server.crt", "key": "server.key", "client-ca": "ca.crt"}
    tls = [part for name, file in files.items() for part in (f"--tls-{name}", str(certificates / file))]
    return start_server(
        base, "--rest-port", "0", "--metrics-port", "0", "--ui", "--token-file", str(token), *tls
    )


def connect(server: ServerProcess, certificates: Path, *, own: bool) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
    if own:
        context.load_cert_chain(certificates / "client.crt", certificates / "client.key")
    address = urlsplit(server.http["REST"])
    assert address.scheme == "https"
    return http.client.HTTPSConnection(address.netloc, timeout=30, context=context)


def status_of(connection: http.client.HTTPSConnection, path: str, token: str | None = None) -> int:
    connection.request("GET", path, headers={} if token is None else {"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    response.read()
    return response.status


def test_a_caller_with_certificate_and_token_is_answered(
    secure_server: ServerProcess, certificates: Path
) -> None:
    rest = connect(secure_server, certificates, own=True)
    while status_of(rest, "/readyz") == 503:
        pass
    rest.request(
        "POST",
        f"{HALF_PLUS_TWO}:predict",
        '{"instances": [1.0, 2.0, 5.0]}',
        {"Authorization": "Bearer secret"},
    )
    response = rest.getresponse()
    assert (response.status, json.loads(response.read())) == (200, {"predictions": [2.5, 3.0, 4.5]})


def test_without_the_token_only_health_and_the_page_are_told(
    secure_server: ServerProcess, certificates: Path
) -> None:
    rest = connect(secure_server, certificates, own=True)
    for path in (HALF_PLUS_TWO, "/monitoring/prometheus/metrics", "/ui/models.json"):
        assert status_of(rest, path) == 401
        assert status_of(rest, path, "another") == 401
        assert status_of(rest, path, "secret") == 200
    assert status_of(rest, "/healthz") == status_of(rest, "/ui/") == 200


def test_without_a_certificate_nothing_is_told(secure_server: ServerProcess, certificates: Path) -> None:
    stranger = connect(secure_server, certificates, own=False)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        status_of(stranger, "/healthz")
    assert status_of(connect(secure_server, certificates, own=True), "/healthz") == 200
