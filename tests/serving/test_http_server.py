from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kzoo.errors import ServingError
from kzoo.serving.http_server import HttpServer, Request, Response

LIMIT = 100_000
entered, leave = threading.Event(), threading.Event()


def answer(request: Request) -> Response:
    if request.path == "/fail":
        raise RuntimeError("broken inside")
    if request.path == "/wait":
        entered.set()
        leave.wait(20)
    if request.path == "/long":
        return Response(200, b"long " * 1000, "text/plain")
    said = {"method": request.method, "path": request.path, "bytes": len(request.body), "peer": request.peer}
    return Response(200, json.dumps(said).encode(), headers=[("X-Said", "yes")])


def make_server(port: int = 0) -> HttpServer:
    return HttpServer(
        answer,
        host="127.0.0.1",
        port=port,
        threads=4,
        max_body_bytes=LIMIT,
        error_body=lambda message: json.dumps({"error": message}).encode(),
    )


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    server = make_server()
    yield server
    server.stop(5)


@pytest.fixture
def connection(server: HttpServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    yield connection
    connection.close()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, names, encode_chunked="Transfer-Encoding" in names)
    response = connection.getresponse()
    return response.status, response.headers, response.read()


def test_many_requests_go_over_one_connection(connection: http.client.HTTPConnection) -> None:
    socket_numbers = set()
    for number in range(20):
        status, headers, body = ask(connection, "POST", f"/a%2Fb/{number}?q=1", b"x" * number)
        assert (status, headers["X-Said"], headers["Content-Type"]) == (200, "yes", "application/json")
        said = {"method": "POST", "path": f"/a%2Fb/{number}", "bytes": number, "peer": "127.0.0.1"}
        assert json.loads(body) == said
        socket_numbers.add(connection.sock.getsockname())
    assert len(socket_numbers) == 1


def test_a_head_has_no_body(connection: http.client.HTTPConnection) -> None:
    status, headers, body = ask(connection, "HEAD", "/long")
    assert (status, headers["Content-Length"], body) == (200, "5000", b"")
    assert ask(connection, "GET", "/")[0] == 200


def test_bodies_may_come_in_chunks_or_compressed(connection: http.client.HTTPConnection) -> None:
    chunks = iter([b"a" * 1000, b"b" * 500])
    _, _, body = ask(connection, "POST", "/", chunks, Transfer_Encoding="chunked")
    assert json.loads(body)["bytes"] == 1500
    _, _, body = ask(connection, "POST", "/", gzip.compress(b"a" * 5000), Content_Encoding="gzip")
    assert json.loads(body)["bytes"] == 5000


def test_long_answers_are_compressed_for_those_who_take_it(connection: http.client.HTTPConnection) -> None:
    _, headers, body = ask(connection, "GET", "/long", Accept_Encoding="br, gzip;q=0.5")
    assert (headers["Content-Encoding"], gzip.decompress(body)) == ("gzip", b"long " * 1000)
    for refusal in ("identity", "gzip;q=0", "*;q=0.0"):
        _, headers, body = ask(connection, "GET", "/long", Accept_Encoding=refusal)
        assert (headers["Content-Encoding"], body) == (None, b"long " * 1000)
    _, headers, _ = ask(connection, "GET", "/", Accept_Encoding="gzip")
    assert headers["Content-Encoding"] is None


REFUSED: dict[str, tuple[Any, dict[str, str], int, str]] = {
    "declared": (
        b"",
        {"Content_Length": str(10**12)},
        413,
        f"at most {LIMIT} bytes; received {10**12} bytes",
    ),
    "sent": (bytes(5 << 20), {}, 413, f"received {5 << 20} bytes"),
    "chunked": (b"x" * (5 << 20), {"Transfer_Encoding": "chunked"}, 413, "received more"),
    "bomb": (gzip.compress(bytes(50 << 20)), {"Content_Encoding": "gzip"}, 413, "received more"),
    "not gzip": (b"plain", {"Content_Encoding": "gzip"}, 400, "not compressed by gzip"),
    "cut gzip": (gzip.compress(b"x" * 500)[:-9], {"Content_Encoding": "gzip"}, 400, "has no end"),
    "other": (b"x", {"Content_Encoding": "br"}, 415, "may be encoded by gzip; received br"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bodies_that_are_not_taken(connection: http.client.HTTPConnection, case: str) -> None:
    sent, headers, status, message = REFUSED[case]
    body = iter([sent]) if "Transfer_Encoding" in headers else sent
    found, _, answered = ask(connection, "POST", "/", body, **headers)
    assert found == status
    assert message in json.loads(answered)["error"]


def test_a_handler_that_fails_is_a_500_and_not_the_end(connection: http.client.HTTPConnection) -> None:
    status, _, body = ask(connection, "GET", "/fail")
    assert (status, json.loads(body)) == (500, {"error": "RuntimeError: broken inside"})
    assert ask(connection, "GET", "/")[0] == 200


@pytest.mark.parametrize(
    "sent", [b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"]
)
def test_nonsense_does_not_end_it(
    server: HttpServer, connection: http.client.HTTPConnection, sent: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as raw:
        raw.sendall(sent)
        assert not raw.recv(4096).startswith(b"HTTP/1.1 200")
    assert ask(connection, "GET", "/")[0] == 200


def test_a_port_in_use_is_an_error(server: HttpServer) -> None:
    with pytest.raises(ServingError, match=rf"cannot listen on 127\.0\.0\.1:{server.port}: .*in use"):
        make_server(server.port)


def test_a_request_that_came_is_answered_before_the_end() -> None:
    server = make_server()
    waiting = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    waiting.request("GET", "/wait")
    assert entered.wait(20)
    threading.Timer(0.2, leave.set).start()
    server.stop(20)
    assert waiting.getresponse().status == 200
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)
