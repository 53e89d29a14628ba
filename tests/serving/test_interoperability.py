"""Programs that know nothing of kzoo get right answers."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format
from serving_helpers import ServerProcess, png
from tensorflow_serving.apis import predict_pb2

from kzoo.serving import Client
from kzoo.serving.tensors import to_array

GRPCURL = str(Path(sys.executable).with_name("grpcurl"))

STUBS_ALONE = """
import json, sys
from pathlib import Path
import grpc
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

request = predict_pb2.PredictRequest()
request.model_spec.name = "tiny"
request.inputs["image_bytes"].dtype = 7
request.inputs["image_bytes"].tensor_shape.dim.add(size=1)
request.inputs["image_bytes"].string_val.append(Path(sys.argv[2]).read_bytes())
with grpc.insecure_channel(sys.argv[1]) as channel:
    answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)
import numpy as np
values = np.frombuffer(answer.outputs["probabilities"].tensor_content, np.float32)
kzoo = [name for name in sys.modules if name.partition(".")[0] == "kzoo"]
print(json.dumps({"probabilities": values.tolist(), "kzoo": kzoo}))
"""


@pytest.mark.slow
def test_the_official_stubs_alone_get_right_answers(
    client: Client, server: ServerProcess, in_process: dict[int, Any], tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(png(5))
    ended = subprocess.run(
        [sys.executable, "-c", STUBS_ALONE, server.address, str(picture)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    answer = json.loads(ended.stdout.splitlines()[-1])
    expected = in_process[2].signatures["serving_default"](image_bytes=np.array([png(5)], object))
    assert answer == {"probabilities": expected["probabilities"].numpy()[0].tolist(), "kzoo": []}


def grpcurl(*arguments: str, data: object = None) -> str:
    given = [] if data is None else ["-d", "@"]
    text = None if data is None else json.dumps(data)
    command = [GRPCURL, "-plaintext", *given, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def test_grpcurl_lists_the_services_by_reflection(client: Client, server: ServerProcess) -> None:
    assert grpcurl(server.address, "list").split() == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "tensorflow.serving.ModelService",
        "tensorflow.serving.PredictionService",
    ]
    methods = grpcurl(server.address, "list", "tensorflow.serving.PredictionService").split()
    assert {name.rpartition(".")[2] for name in methods} >= {"Predict", "Classify", "GetModelMetadata"}


def test_grpcurl_gets_right_answers(
    client: Client, server: ServerProcess, in_process: dict[int, Any]
) -> None:
    model = {"model_spec": {"name": "tiny"}}
    status = json.loads(grpcurl(server.address, "tensorflow.serving.ModelService/GetModelStatus", data=model))
    assert [one["state"] for one in status["model_version_status"]] == ["AVAILABLE", "AVAILABLE"]
    image = {
        "dtype": "DT_STRING",
        "tensor_shape": {"dim": [{"size": "1"}]},
        "string_val": [base64.b64encode(png(5)).decode()],
    }
    method = "tensorflow.serving.PredictionService/Predict"
    answer = grpcurl(server.address, method, data={**model, "inputs": {"image_bytes": image}})
    found = json_format.Parse(answer, predict_pb2.PredictResponse())
    expected = in_process[2].signatures["serving_default"](image_bytes=np.array([png(5)], object))
    for name, value in expected.items():
        np.testing.assert_array_equal(to_array(found.outputs[name], max_bytes=1 << 20), value.numpy())
