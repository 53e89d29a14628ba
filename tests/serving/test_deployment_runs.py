"""`kzoo serve` as the Kubernetes deployment starts it, with the files of serving/ and new certificates."""

from __future__ import annotations

import re
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import promql_parser
import pytest
from serving_helpers import SIZE, ServerProcess, servers, write_model
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from test_deployment_files import (
    OF_ONE_SERVER,
    SERVING,
    container,
    metrics_of,
    queries,
    read_config,
    read_yaml,
)

from kzoo.serving.tensors import to_proto


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is at /models, /config and /tls in the pod."""
    root = tmp_path_factory.mktemp("pod")
    images = np.zeros((1, SIZE, SIZE, 3), np.float32)
    write_model(root / "models" / "cfn_a" / "1", seed=1, warm_up=[("serving_tensor", {"image": images})])
    (root / "config").mkdir()
    (config,) = read_yaml(SERVING / "kustomization.yaml")["configMapGenerator"]
    for name in config["files"]:
        text = (SERVING / name).read_text("utf-8").replace('"/models/', f'"{root}/models/')
        (root / "config" / name).write_text(text)
    make = ["bash", str(SERVING / "tls" / "make-certificates.sh"), str(root / "tls")]
    subprocess.run(make, check=True, capture_output=True)
    return root


@pytest.fixture(scope="module")
def trusting(mounted: Path) -> ssl.SSLContext:
    """What Prometheus has: the authority, and no certificate of its own."""
    return ssl.create_default_context(cafile=str(mounted / "tls" / "ca.crt"))


@pytest.fixture(scope="module")
def pod(mounted: Path, trusting: ssl.SSLContext) -> Iterator[ServerProcess]:
    """The container's process, once its readiness probe finds it so."""
    serve, *words = container("deployment-kzoo")["args"]
    assert serve == "serve"
    own = ("--host=", "--port=", "--metrics-port=")  # this machine's: loopback and free ports
    options = [
        re.sub(r"=/(config|tls)/", rf"={mounted}/\1/", word) for word in words if not word.startswith(own)
    ]
    with servers(mounted) as start:
        pod = start(mounted / "models", *options, "--metrics-port", "0")
        deadline = time.monotonic() + 60
        while probed(pod, "readinessProbe", trusting) != 200:
            assert time.monotonic() < deadline, pod.log.read_text()
            time.sleep(0.1)
        yield pod


def probed(pod: ServerProcess, probe: str, context: ssl.SSLContext) -> int:
    asked = container("deployment-kzoo")[probe]["httpGet"]
    assert (asked["port"], asked["scheme"]) == ("http", "HTTPS")
    try:
        return get(pod, asked["path"], context)[0]
    except urllib.error.HTTPError as error:
        return error.code


def get(pod: ServerProcess, path: str, context: ssl.SSLContext) -> tuple[int, str]:
    address = pod.http["metrics"].partition("/monitoring")[0]
    with urllib.request.urlopen(address + path, context=context, timeout=30) as answer:
        return answer.status, answer.read().decode()


def predict(pod: ServerProcess, credentials: grpc.ChannelCredentials) -> predict_pb2.PredictResponse:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "cfn_a"
    request.model_spec.signature_name = "serving_tensor"
    request.inputs["image"].CopyFrom(to_proto(np.ones((2, SIZE, SIZE, 3), np.float32)))
    with grpc.secure_channel(pod.address, credentials) as channel:
        return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)


@pytest.fixture(scope="module")
def credentials(mounted: Path) -> grpc.ChannelCredentials:
    """Those of a client that the authority knows."""
    files = ((mounted / "tls" / name).read_bytes() for name in ("ca.crt", "client.key", "client.crt"))
    return grpc.ssl_channel_credentials(*files)


def test_a_client_with_a_certificate_is_answered_and_one_without_is_not(
    pod: ServerProcess, credentials: grpc.ChannelCredentials, mounted: Path
) -> None:
    assert predict(pod, credentials).outputs["probabilities"].tensor_shape.dim[0].size == 2
    with pytest.raises(grpc.RpcError) as caught:
        predict(pod, grpc.ssl_channel_credentials((mounted / "tls" / "ca.crt").read_bytes()))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_find_a_pod_well_that_answers(
    pod: ServerProcess, trusting: ssl.SSLContext, probe: str
) -> None:
    assert probed(pod, probe, trusting) == 200


def test_every_metric_that_the_dashboard_and_the_alerts_ask_for_is_there(
    pod: ServerProcess, credentials: grpc.ChannelCredentials, trusting: ssl.SSLContext
) -> None:
    predict(pod, credentials)
    _, page = get(pod, read_config("monitoring.config").prometheus_config.path, trusting)
    there = set(re.findall(r"^([a-zA-Z_:][\w:]*)", page, re.MULTILINE))
    asked = set().union(*(metrics_of(promql_parser.parse(query)) for query in queries()))
    assert asked - there == OF_ONE_SERVER["TensorFlow Serving"] | OF_ONE_SERVER["Prometheus"]
    assert OF_ONE_SERVER["kzoo serve"] <= there
