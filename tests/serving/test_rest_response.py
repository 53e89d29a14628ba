"""Answers written as JSON; expected texts are those of TensorFlow Serving."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    regression_pb2,
)

from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.rest_response import (
    write_classify,
    write_error,
    write_metadata,
    write_predict,
    write_regress,
    write_status,
)
from kzoo.serving.tensors import to_proto


def protos(**arrays: np.ndarray) -> dict[str, tensor_pb2.TensorProto]:
    return {name: to_proto(np.asarray(array)) for name, array in arrays.items()}


def test_the_answers_of_the_documentation() -> None:
    assert write_predict(protos(y=np.float32([2.5, 3, 4.5])), "row") == (
        '{\n    "predictions": [2.5, 3.0, 4.5]\n}\n'
    )
    assert write_error("Servable not found for request: Latest(half)") == (
        '{\n    "error": "Servable not found for request: Latest(half)"\n}\n'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(0.2), "0.2"),
        (np.float32(1 / 3), "0.333333343"),
        (np.float64(1 / 3), "0.33333333333333331"),
        (np.float32(9e6), "9e+06"),
        (np.float32(3e-5), "3e-05"),
        (np.float32(-0.0), "-0.0"),
        (np.float32(math.nan), "NaN"),
        (np.float64(-math.inf), "-Infinity"),
        (np.float32(math.inf), "Infinity"),
        (np.float32(3.4028235e38), "3.40282347e+38"),
        (np.float32(1e-45), "1.4013e-45"),
        (np.int64(-(2**63)), "-9223372036854775808"),
        (np.bool_(True), "true"),
        (np.array('a\n"é', object), '"a\\n\\"é"'),
        (np.array(b"\xff", object), '{"b64": "/w=="}'),
    ],
)
def test_values_as_tensorflow_serving_writes_them(value: Any, text: str) -> None:
    written = write_predict(protos(y=value), "column")
    assert written == f'{{\n    "outputs": {text}\n}}\n'


def test_several_outputs_are_named() -> None:
    outputs = protos(a=np.int32([[1, 2], [3, 4]]), b_bytes=np.array([b"hi", b"ho"], object))
    assert json.loads(write_predict(outputs, "row")) == {
        "predictions": [
            {"a": [1, 2], "b_bytes": {"b64": "aGk="}},
            {"a": [3, 4], "b_bytes": {"b64": "aG8="}},
        ]
    }
    assert json.loads(write_predict(outputs, "column")) == {
        "outputs": {"a": [[1, 2], [3, 4]], "b_bytes": [{"b64": "aGk="}, {"b64": "aG8="}]}
    }


def test_rows_need_a_common_first_size() -> None:
    with pytest.raises(
        InvalidArgumentError, match="Tensor name: b has inconsistent batch size: 3 expecting: 2"
    ):
        write_predict(protos(a=np.zeros(2), b=np.zeros(3)), "row")
    with pytest.raises(InvalidArgumentError, match="Tensor name: a has no shape information"):
        write_predict(protos(a=np.float32(1)), "row")
    with pytest.raises(InvalidArgumentError, match="Failed to write JSON value for tensor type: half"):
        write_predict(protos(a=np.float16([1])), "row")


@given(
    shape=st.lists(st.integers(0, 3), max_size=4),
    seed=st.integers(0, 9),
    dtype=st.sampled_from(["float32", "float64", "int32", "uint8", "bool"]),
)
def test_what_is_written_is_read_again(shape: list[int], seed: int, dtype: str) -> None:
    values = np.random.default_rng(seed).normal(size=shape) * 10
    array = np.asarray(np.abs(values).astype(dtype))
    text = write_predict(protos(y=array), "column")
    again = np.array(json.loads(text)["outputs"], dtype)
    assert again.tolist() == array.tolist()


def test_classes_and_values() -> None:
    classes = classification_pb2.ClassificationResponse()
    row = classes.result.classifications.add()
    row.classes.add(label="cat", score=0.75)
    row.classes.add(label="", score=1 / 3)
    assert write_classify(classes) == '{\n    "results": [[["cat", 0.75], ["", 0.333333343]]]\n}\n'
    values = regression_pb2.RegressionResponse()
    for value in (3.5, 4.0):
        values.result.regressions.add(value=value)
    assert write_regress(values) == '{\n    "results": [3.5, 4.0]\n}\n'


def test_status_as_in_the_documentation() -> None:
    response = get_model_status_pb2.GetModelStatusResponse()
    response.model_version_status.add(version=123, state=30).status.error_code = 0
    assert json.loads(write_status(response)) == {
        "model_version_status": [
            {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }


def test_metadata_names_its_fields_as_the_proto_does() -> None:
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = "half_plus_two"
    response.model_spec.version.value = 123
    signatures = get_model_metadata_pb2.SignatureDefMap()
    signatures.signature_def["serving_default"].inputs["x"].dtype = types_pb2.DT_FLOAT
    signatures.signature_def["serving_default"].inputs["x"].tensor_shape.dim.add(size=-1)
    response.metadata["signature_def"].Pack(signatures)
    document = json.loads(write_metadata(response))
    assert document["model_spec"]["name"] == "half_plus_two"
    assert document["model_spec"]["version"] == "123"
    info = document["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]["x"]
    assert info["dtype"] == "DT_FLOAT"
    assert info["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]
