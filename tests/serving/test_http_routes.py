from __future__ import annotations

import json
import re
from importlib import resources

import pytest

from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.http_routes import Page, Routes
from kzoo.serving.http_server import Request, Response
from kzoo.serving.rest import read_path
from kzoo.serving.security import Token

ready = {"now": True}


def api(request: Request) -> Response:
    return Response(200, request.path.encode())


def routes(*, token: str | None = None, page: bool = True) -> Routes:
    return Routes(
        api=api,
        metrics_page=lambda: b"# metrics\n",
        availability=lambda: {"hed": False, "cfn": True},
        is_ready=lambda: ready["now"],
        page=Page("127.0.0.1:8500", needs_token=token is not None) if page else None,
        token=None if token is None else Token(token),
    )


def test_each_path_has_its_answer() -> None:
    ask = routes()
    assert ask(Request("POST", "/v1/models/cfn:predict")).body == b"/v1/models/cfn:predict"
    assert ask(Request("GET", "/V1/models/cfn")).status == 200
    assert ask(Request("GET", "/monitoring/prometheus/metrics")).body == b"# metrics\n"
    assert json.loads(ask(Request("GET", "/healthz")).body) == {"status": "alive"}
    assert ask(Request("GET", "/")).headers == [("Location", "/ui/")]
    assert json.loads(ask(Request("GET", "/ui/models.json")).body) == {
        "grpc": "127.0.0.1:8500",
        "tls": False,
        "token": False,
        "models": [{"name": "cfn", "available": True}, {"name": "hed", "available": False}],
    }
    assert ask(Request("GET", "/ui/../rest.py")).status == 404
    assert json.loads(ask(Request("GET", "/else")).body) == {"error": "nothing is at /else"}
    refusal = ask(Request("POST", "/healthz"))
    assert (refusal.status, refusal.headers) == (405, [("Allow", "GET, HEAD")])


def test_readiness_is_that_of_the_server() -> None:
    ask = routes()
    assert ask(Request("GET", "/readyz")).status == 200
    ready["now"] = False
    assert ask(Request("GET", "/readyz")).status == 503
    assert ask(Request("GET", "/healthz")).status == 200
    ready["now"] = True


def test_there_is_no_page_unless_asked_for() -> None:
    ask = routes(page=False)
    for path in ("/", "/ui/", "/ui/page.js", "/ui/models.json"):
        assert ask(Request("GET", path)).status == 404


def test_the_page_needs_nothing_from_elsewhere() -> None:
    ask = routes()
    folder = resources.files("kzoo.serving") / "ui"
    for file in folder.iterdir():
        path = "" if file.name == "index.html" else file.name
        response = ask(Request("GET", f"/ui/{path}"))
        assert response.body == file.read_bytes()
        assert "default-src 'none'" in dict(response.headers)["Content-Security-Policy"]
        urls = re.findall(r"https?://[^\s\"'`]*", file.read_text("utf-8"))
        assert set(urls) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", ["/v1/models/cfn", "/monitoring/prometheus/metrics", "/ui/models.json"])
def test_a_token_is_needed_where_something_is_told(path: str) -> None:
    ask = routes(token="secret")
    for header in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic secret"},
        {"authorization": "é"},
    ):
        response = ask(Request("GET", path, header))
        assert response.status == 401
        assert "authorization: Bearer TOKEN" in json.loads(response.body)["error"]
    assert ask(Request("GET", path, {"authorization": "Bearer secret"})).status == 200
    assert ask(Request("GET", "/readyz")).status == 200
    assert ask(Request("GET", "/ui/")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "model", "version", "label", "asked"),
    [
        ("POST", "/v1/models/cfn:predict", "cfn", 0, "", "predict"),
        ("POST", "/V1/Models/cfn/Versions/12:CLASSIFY", "cfn", 12, "", "classify"),
        ("POST", "/v1/models/a%20b/labels/can%2Fary:regress", "a b", 0, "can/ary", "regress"),
        ("GET", "/v1/models/cfn", "cfn", 0, "", "status"),
        ("GET", "/v1/models/cfn/versions/3", "cfn", 3, "", "status"),
        ("GET", "/v1/models/cfn/labels/stable/metadata", "cfn", 0, "stable", "metadata"),
    ],
)
def test_paths_of_tensorflow_serving(
    method: str, path: str, model: str, version: int, label: str, asked: str
) -> None:
    found = read_path(method, path)
    assert (found.spec.name, found.spec.version.value, found.spec.version_label) == (model, version, label)
    assert found.method == asked


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/v1/models/cfn:predict", "Malformed request: GET /v1/models/cfn:predict"),
        ("PUT", "/v1/models/cfn", "Malformed request: PUT /v1/models/cfn"),
        ("POST", "/v1/models/cfn:train", "Malformed request"),
        ("POST", "/v1/models/cfn/versions/x:predict", "Malformed request"),
        ("POST", "/v1/models/cfn/versions/1/labels/a:predict", "Malformed request"),
        ("GET", "/v1/models", "Missing model name in request."),
        ("GET", f"/v1/models/cfn/versions/{1 << 63}", f"Failed to convert version: {1 << 63} to numeric."),
        ("GET", "/v1/models/%ff", "Failed to decode model name:%ff"),
    ],
)
def test_paths_that_are_none(method: str, path: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(message)):
        read_path(method, path)
