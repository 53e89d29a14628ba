"""Programs that know nothing of kzoo get right answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving_helpers import ServerProcess, png

from kzoo.serving import Client

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
