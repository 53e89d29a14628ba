"""The REST API of a server in its own process, asked as TensorFlow Serving's documentation asks."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rest_models import write_half_plus, write_pictures
from serving_helpers import ServerProcess, StartServer, png, strings, write_model

from kzoo.serving import Client


@pytest.fixture(scope="module")
def rest_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("rest")
    write_half_plus(base / "half_plus_two" / "123", 2.0)
    write_half_plus(base / "half_plus_three" / "123", 3.0)
    write_pictures(base / "pictures" / "1")
    write_model(base / "tiny" / "1", seed=1)
    write_model(base / "tiny" / "2", seed=2, warm_up=[("serving_default", {"image_bytes": strings(png(0))})])
    return base


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "calls.jsonl"


@pytest.fixture(scope="module")
def rest_server(rest_base: Path, log: Path, start_server: StartServer) -> Iterator[ServerProcess]:
    options = ["--rest-port", "0", "--metrics-port", "0", "--latest-versions", "2"]
    server = start_server(rest_base, *options, "--max-message-bytes", str(1 << 20), "--request-log", str(log))
    with Client(server.address) as client:
        for model in ("half_plus_two", "half_plus_three", "pictures", "tiny"):
            client.wait_until_ready(model)
        client.wait_until_ready("tiny", version=1)
    yield server
    assert server.process.poll() is None, "a test ended the server"


@pytest.fixture(scope="module")
def grpc_client(rest_server: ServerProcess) -> Iterator[Client]:
    with Client(rest_server.address) as client:
        yield client


def connect(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)


@pytest.fixture
def rest(rest_server: ServerProcess) -> Iterator[http.client.HTTPConnection]:
    connection = connect(rest_server.http["REST"])
    yield connection
    connection.close()


def ask(
    rest: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """Return the status and the JSON; NaN and Infinity are Python's own."""
    sent = body if isinstance(body, str | bytes | None) else json.dumps(body)
    rest.request(method, path, sent, {name.replace("_", "-"): value for name, value in headers.items()})
    response = rest.getresponse()
    text = response.read()
    assert response.headers["Content-Type"] == "application/json"
    return response.status, json.loads(text)


def test_the_calls_of_the_documentation(rest: http.client.HTTPConnection) -> None:
    body = '{"instances": [1.0, 2.0, 5.0]}'
    assert ask(rest, "POST", "/v1/models/half_plus_two:predict", body) == (
        200,
        {"predictions": [2.5, 3.0, 4.5]},
    )
    body = '{"instances": [1.0,2.0,5.0]}'
    assert ask(rest, "POST", "/v1/models/half_plus_three:predict", body) == (
        200,
        {"predictions": [3.5, 4.0, 5.5]},
    )
    body = '{"signature_name": "tensorflow/serving/regress", "examples": [{"x": 1.0}, {"x": 2.0}]}'
    assert ask(rest, "POST", "/v1/models/half_plus_three:regress", body) == (200, {"results": [3.5, 4.0]})
    assert ask(rest, "GET", "/v1/models/half_plus_three") == (
        200,
        {
            "model_version_status": [
                {
                    "version": "123",
                    "state": "AVAILABLE",
                    "status": {"error_code": "OK", "error_message": ""},
                }
            ]
        },
    )
    status, answer = ask(rest, "POST", "/v1/models/half:predict", '{"instances": [1.0,5.0]}')
    assert status == 404
    assert answer["error"].startswith("Servable not found for request: Latest(half)")


def test_the_text_of_an_answer_is_that_of_the_documentation(rest: http.client.HTTPConnection) -> None:
    rest.request("POST", "/v1/models/half_plus_two:predict", '{"instances": [1.0, 2.0, 5.0]}')
    assert rest.getresponse().read() == b'{\n    "predictions": [2.5, 3.0, 4.5]\n}\n'


def test_classes(rest: http.client.HTTPConnection) -> None:
    body = {"signature_name": "classify_x_to_y", "examples": [{"x": 1.0}, {"x": 5.0}]}
    expected = {"results": [[["half", 2.5]], [["half", 4.5]]]}
    assert ask(rest, "POST", "/v1/models/half_plus_two:classify", body) == (200, expected)
    shared = {"signature_name": "classify_x_to_y", "context": {"x": 3.0}, "examples": [{}]}
    assert ask(rest, "POST", "/v1/models/half_plus_two:classify", shared) == (
        200,
        {"results": [[["half", 3.5]]]},
    )


def test_columns_and_rows_give_what_grpc_gives(rest: http.client.HTTPConnection, grpc_client: Client) -> None:
    images = [png(1), png(2, (20, 30))]
    encoded = [{"b64": base64.b64encode(image).decode()} for image in images]
    for version in (1, 2):
        path = f"/v1/models/tiny/versions/{version}:predict"
        expected = grpc_client.predict("tiny", {"image_bytes": strings(*images)}, version=version)
        _, rows = ask(rest, "POST", path, {"instances": encoded})
        _, named = ask(rest, "POST", path, {"instances": [{"image_bytes": image} for image in encoded]})
        _, columns = ask(rest, "POST", path, {"inputs": {"image_bytes": encoded}})
        assert rows == named
        for name, array in expected.items():
            found = [row[name] for row in rows["predictions"]]
            assert columns["outputs"][name] == found
            if array.dtype == object:
                assert found == [[value.decode() for value in row] for row in array.tolist()]
            else:
                assert np.array(found, array.dtype).tolist() == array.tolist()


def test_named_versions_and_signatures(rest: http.client.HTTPConnection) -> None:
    status, metadata = ask(rest, "GET", "/v1/models/tiny/versions/1/metadata")
    assert status == 200
    assert metadata["model_spec"] == {"name": "tiny", "signature_name": "", "version": "1"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_tensor"]["inputs"]["image"]["dtype"] == "DT_FLOAT"
    status, versions = ask(rest, "GET", "/v1/models/tiny")
    assert [entry["version"] for entry in versions["model_version_status"]] == ["2", "1"]
    image = {"b64": base64.b64encode(png(1)).decode()}
    body = {"signature_name": "embed", "instances": [image]}
    status, answer = ask(rest, "POST", "/v1/models/tiny:predict", body)
    assert status == 200
    assert len(answer["predictions"][0]) == 3


def test_values_that_are_not_finite_go_both_ways(rest: http.client.HTTPConnection) -> None:
    body = '{"signature_name": "scale", "inputs": {"x": [[0.0, Infinity], [NaN, 1.0]], "by": 2}}'
    status, answer = ask(rest, "POST", "/v1/models/pictures:predict", body)
    assert status == 200
    assert str(answer["outputs"]) == str(
        {"log": [[-np.inf, np.inf], [np.nan, 0.0]], "scaled": [[0.0, np.inf], [np.nan, 2.0]]}
    )


def test_outputs_named_bytes_are_base64(rest: http.client.HTTPConnection, grpc_client: Client) -> None:
    image = {"b64": base64.b64encode(png(1, (48, 64))).decode()}
    body = {"signature_name": "translate", "inputs": [image]}
    _, answer = ask(rest, "POST", "/v1/models/pictures:predict", body)
    expected = grpc_client.predict(
        "pictures", {"image_bytes": strings(png(1, (48, 64)))}, signature="translate"
    )
    assert base64.b64decode(answer["outputs"][0]["b64"]) == expected["translated_bytes"][0]


REFUSED: dict[str, tuple[str, Any, int, str]] = {
    "no JSON": ("tiny:predict", "{", 400, "JSON Parse error"),
    "no inputs": ("tiny:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
    "unknown signature": ("tiny:predict", {"signature_name": "no", "inputs": 1}, 400, 'name: "no" not found'),
    "unknown version": ("tiny/versions/9:predict", {"inputs": 1}, 404, "Specific(tiny, 9)"),
    "unknown label": ("tiny/labels/best:predict", {"inputs": 1}, 400, "label: best"),
    "wrong shape": (
        "half_plus_two:predict",
        {"instances": [[1.0, 2.0]]},
        400,
        "must be float32 [?]; received float32 [1, 2]",
    ),
    "an image that is none": ("tiny:predict", {"inputs": ["no image"]}, 400, "rows [0] of a batch of 1"),
    "too long": ("tiny:predict", {"inputs": ["x" * (2 << 20)]}, 413, "at most 1048576 bytes"),
    "no method": ("tiny:train", {}, 400, "Malformed request: POST /v1/models/tiny:train"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_say_why(rest: http.client.HTTPConnection, case: str) -> None:
    path, body, status, message = REFUSED[case]
    found, answer = ask(rest, "POST", f"/v1/models/{path}", body)
    assert found == status
    assert message in answer["error"]


def test_a_body_may_be_compressed(rest: http.client.HTTPConnection) -> None:
    body = gzip.compress(json.dumps({"instances": [1.0] * 1000}).encode())
    status, answer = ask(rest, "POST", "/v1/models/half_plus_two:predict", body, Content_Encoding="gzip")
    assert (status, answer["predictions"]) == (200, [2.5] * 1000)


def scrape(address: str) -> dict[tuple[str, ...], float]:
    connection = connect(address)
    connection.request("GET", "/monitoring/prometheus/metrics")
    response = connection.getresponse()
    assert response.headers["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(response.read().decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_calls_of_both_kinds_are_counted(
    rest: http.client.HTTPConnection, rest_server: ServerProcess, grpc_client: Client
) -> None:
    request_count = (":tensorflow:serving:request_count_total", "half_plus_three", "OK")
    before = scrape(rest_server.http["REST"])
    assert ask(rest, "POST", "/v1/models/half_plus_three:predict", {"instances": [1.0]})[0] == 200
    assert ask(rest, "POST", "/v1/models/half_plus_three:predict", {"instances": ["a"]})[0] == 400
    grpc_client.predict("half_plus_three", {"x": np.float32([1, 2])})
    after = scrape(rest_server.http["metrics"])
    assert after[request_count] - before.get(request_count, 0) == 2
    refused = (*request_count[:2], "INVALID_ARGUMENT")
    assert after[refused] - before.get(refused, 0) == 1
    for name, labels in (
        ("request_latency", ("predict", "REST")),
        ("request_latency", ("Predict", "GRPC")),
        ("runtime_latency", ("Predict", "TF2")),
    ):
        key = (f":tensorflow:serving:{name}_count", "half_plus_three", *labels)
        assert after[key] > before.get(key, 0)
    assert after["kzoo_model_available", "tiny"] == 1
    warmed_up = [key for key in after if key[0] == ":tensorflow:serving:model_warmup_latency_count"]
    assert [(Path(key[1]).parts[-2:], key[2]) for key in warmed_up] == [(("tiny", "2"), "OK")]


def test_each_call_is_logged(rest: http.client.HTTPConnection, log: Path, grpc_client: Client) -> None:
    written = len(log.read_text().splitlines()) if log.exists() else 0
    ask(rest, "POST", "/v1/models/half_plus_two:predict", {"instances": [1.0, 2.0]})
    ask(rest, "POST", "/v1/models/half:predict", {"instances": [1.0]})
    grpc_client.predict("half_plus_two", {"x": np.float32([1])})
    lines = log.read_text().splitlines()[written:]
    entries = [json.loads(line) for line in lines]
    found = [(e["model"], e["api"], e["entrypoint"], e["status"]) for e in entries]
    assert found == [
        ("half_plus_two", "predict", "REST", "OK"),
        ("half", "predict", "REST", "NOT_FOUND"),
        ("half_plus_two", "Predict", "GRPC", "OK"),
    ]
    assert entries[0]["version"] == 123
    assert "Latest(half)" in entries[1]["error"]


def test_health_and_readiness(rest: http.client.HTTPConnection, rest_server: ServerProcess) -> None:
    assert ask(rest, "GET", "/healthz") == (200, {"status": "alive"})
    assert ask(rest, "GET", "/readyz") == (200, {"status": "ready"})
    metrics = connect(rest_server.http["metrics"])
    assert ask(metrics, "GET", "/readyz") == (200, {"status": "ready"})
    assert ask(metrics, "GET", "/v1/models/tiny")[0] == 404
    assert ask(rest, "GET", "/ui/")[0] == 404


def test_a_server_without_models_is_alive_and_not_ready(tmp_path: Path, start_server: StartServer) -> None:
    server = start_server(tmp_path, "--rest-port", "0")
    rest = connect(server.http["REST"])
    assert ask(rest, "GET", "/healthz")[0] == 200
    assert ask(rest, "GET", "/readyz") == (503, {"status": "not ready"})


def test_an_answer_that_is_being_made_is_given_before_the_end(
    rest_base: Path, start_server: StartServer
) -> None:
    server = start_server(rest_base, "--rest-port", "0")
    with Client(server.address) as client:
        client.wait_until_ready("tiny")
    rest = connect(server.http["REST"])
    rest.request("POST", "/v1/models/tiny:predict", json.dumps({"signature_name": "slow", "inputs": 200}))
    time.sleep(0.3)
    server.terminate()
    response = rest.getresponse()
    assert (response.status, json.loads(response.read())) == (200, {"outputs": 512.0})
    assert server.wait() == 0
