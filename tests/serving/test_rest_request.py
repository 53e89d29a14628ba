"""JSON bodies read as messages; expected errors are those of TensorFlow Serving."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    predict_pb2,
    regression_pb2,
)

from kzoo.serving.errors import InvalidArgumentError, UnimplementedError
from kzoo.serving.rest_request import read_examples, read_predict
from kzoo.serving.tensors import to_array, to_proto


def signature(**dtypes: int) -> meta_graph_pb2.SignatureDef:
    definition = meta_graph_pb2.SignatureDef()
    for name, dtype in dtypes.items():
        definition.inputs[name].dtype = dtype
    return definition


def read(body: Any, **dtypes: int) -> dict[str, np.ndarray]:
    request = predict_pb2.PredictRequest()
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    read_predict(
        text if isinstance(text, bytes) else text.encode(), request, lambda name: signature(**dtypes)
    )
    return {name: to_array(proto, max_bytes=1 << 20) for name, proto in request.inputs.items()}


FLOAT, INT32, STRING = types_pb2.DT_FLOAT, types_pb2.DT_INT32, types_pb2.DT_STRING


@pytest.mark.parametrize(
    ("body", "dtype", "expected"),
    [
        ({"instances": [1.0, 2, 5.0]}, FLOAT, np.float32([1, 2, 5])),
        ({"instances": [[[1, 2]], [[3, 4]]]}, INT32, np.int32([[[1, 2]], [[3, 4]]])),
        ({"instances": [True, False]}, types_pb2.DT_BOOL, np.array([True, False])),
        ({"instances": [{"x": [1]}, {"x": [2]}]}, FLOAT, np.float32([[1], [2]])),
        ({"instances": [[], []]}, FLOAT, np.zeros((2, 0), np.float32)),
        ({"inputs": 7}, types_pb2.DT_INT64, np.int64(7)),
        ({"inputs": [[1, 2], [3, 4]]}, types_pb2.DT_UINT8, np.uint8([[1, 2], [3, 4]])),
        ({"inputs": {"x": [1e39, -1e39]}}, FLOAT, np.float32([math.inf, -math.inf])),
        ({"inputs": 18446744073709551615}, types_pb2.DT_UINT64, np.uint64(18446744073709551615)),
        ({"inputs": 1435774380}, FLOAT, np.float32(1435774336)),
    ],
)
def test_values_of_both_layouts(body: Any, dtype: int, expected: np.ndarray) -> None:
    array = read(body, x=dtype)["x"]
    assert array.dtype == np.asarray(expected).dtype
    assert array.shape == np.shape(expected)
    assert array.tolist() == np.asarray(expected).tolist()


def test_numbers_that_are_not_finite() -> None:
    array = read('{"instances": [NaN, Infinity, -Infinity, 1e3]}', x=types_pb2.DT_DOUBLE)["x"]
    assert np.isnan(array[0])
    assert array[1:].tolist() == [math.inf, -math.inf, 1000.0]


def test_strings_and_bytes() -> None:
    binary = {"b64": base64.b64encode(b"\xff\0image").decode()}
    assert read({"instances": ["é", binary]}, x=STRING)["x"].tolist() == ["é".encode(), b"\xff\0image"]
    assert read({"inputs": binary}, x=STRING)["x"].tolist() == b"\xff\0image"
    rows = {"instances": [{"x_bytes": binary}, {"x_bytes": {"b64": "aGk"}}]}
    assert read(rows, x_bytes=STRING)["x_bytes"].tolist() == [b"\xff\0image", b"hi"]


def test_the_named_inputs_of_the_documentation() -> None:
    dtypes = {"tag": STRING, "signal": INT32, "sensor": FLOAT}
    rows = {
        "instances": [
            {"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]},
            {"tag": "bar", "signal": [3, 4, 1, 2, 5], "sensor": [[4, 5], [6, 8]]},
        ]
    }
    columns = {
        "inputs": {
            "tag": ["foo", "bar"],
            "signal": [[1, 2, 3, 4, 5], [3, 4, 1, 2, 5]],
            "sensor": [[[1, 2], [3, 4]], [[4, 5], [6, 8]]],
        }
    }
    by_row, by_column = read(rows, **dtypes), read(columns, **dtypes)
    assert by_row.keys() == by_column.keys() == dtypes.keys()
    for name, array in by_row.items():
        assert array.tolist() == by_column[name].tolist()
    assert by_row["sensor"].shape == (2, 2, 2)


def test_inputs_that_have_a_default_may_be_left_out() -> None:
    definition = signature(x=FLOAT, k=INT32)
    definition.defaults["k"].CopyFrom(to_proto(np.int32(3)))
    for body in (b'{"inputs": {"x": [1]}}', b'{"instances": [{"x": 1}]}'):
        request = predict_pb2.PredictRequest()
        read_predict(body, request, lambda name: definition)
        assert list(request.inputs) == ["x"]


def test_what_follows_the_object_is_not_looked_at() -> None:
    assert read('\n {"instances": [1]} trailing', x=FLOAT)["x"].tolist() == [1]


REFUSED: dict[str, tuple[Any, int, str]] = {
    "nothing": ("", FLOAT, "JSON Parse error: The document is empty"),
    "no JSON": ("{instances: 1}", FLOAT, "JSON Parse error: .* at offset: 1"),
    "no UTF-8": (b'{"inputs": "\xff"}', STRING, "Invalid encoding in string. at offset: 12"),
    "too deep": ("[" * 100_000, FLOAT, "nested too deeply"),
    "too many dimensions": ({"inputs": json.loads("[" * 40 + "]" * 40)}, FLOAT, "more than 32 deep"),
    "a list": ("[1]", FLOAT, r"JSON Value: \[1\] Is not object"),
    "neither key": ({"x": 1}, FLOAT, "Missing 'inputs' or 'instances' key"),
    "both keys": ({"inputs": 1, "instances": [1]}, FLOAT, "expecting only one of 'inputs' or 'instances'"),
    "no instance": ({"instances": []}, FLOAT, "No values in 'instances' array"),
    "instances no list": ({"instances": 1}, FLOAT, "Expecting 'instances' to be an list/array"),
    "signature no name": ({"signature_name": 1, "inputs": 1}, FLOAT, "key must be a string value"),
    "decimal for whole": (
        {"instances": [1, 2.0]},
        INT32,
        (
            "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 2.0 Type: Number is not of "
            "expected type: int32"
        ),
    ),
    "flag for number": (
        {"inputs": [True]},
        FLOAT,
        "JSON Value: true Type: True is not of expected type: float",
    ),
    "number for string": ({"inputs": [1]}, STRING, "Value: 1 Type: Number is not of expected type: string"),
    "out of range": ({"inputs": 300}, types_pb2.DT_UINT8, "Value: 300 Type: Number .* type: uint8"),
    "too big": ({"inputs": 10**400}, FLOAT, "Number too big to be stored in double"),
    "object for number": ({"inputs": {"b64": "aGk="}}, FLOAT, "Type: Object is not of expected type: float"),
    "no base64": ({"inputs": [{"b64": "%"}]}, STRING, "Unable to base64 decode"),
    "not only base64": ({"inputs": [{"b64": "", "a": 1}]}, STRING, "not formatted correctly for base64 data"),
    "ragged": ({"inputs": [[1, 2], [3]]}, FLOAT, "unexpected size: 1 at level: 1 expected size: 2"),
    "value among lists": ({"inputs": [[1], 2]}, FLOAT, "2 found at incorrect level: 2 .* level: 2"),
    "list among values": ({"inputs": [1, [2]]}, FLOAT, "unexpected level: 1 expected < 1"),
    "sizes of instances": ({"instances": [[1, 2], [3]]}, FLOAT, "Expecting tensor size: 2 but got: 1"),
    "shapes of instances": (
        {"instances": [[[1, 2]], [[1], [2]]]},
        FLOAT,
        r"Expecting shape \[1, 2\] but got: \[2, 1\]",
    ),
    "unknown name": ({"instances": [{"y": 1}]}, FLOAT, "does not have named input: y"),
    "missing name": ({"inputs": {"y": 1}}, FLOAT, "Missing named input: x in 'inputs' object"),
    "object, then value": ({"instances": [{"x": 1}, 2]}, FLOAT, "Expecting object but got list at item 1"),
    "value, then object": (
        {"instances": [1, {"x": 1}]},
        FLOAT,
        "Expecting value/list but got object at item 1",
    ),
    "half a surrogate": ('{"inputs": "\\ud800"}', STRING, "surrogate pair"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_body_that_does_not_fit_is_told_why(case: str) -> None:
    body, dtype, message = REFUSED[case]
    with pytest.raises(InvalidArgumentError, match=message):
        read(body, x=dtype)


def test_several_inputs_need_their_names() -> None:
    for body in ({"instances": [1, 2]}, {"inputs": [1, 2]}):
        with pytest.raises(InvalidArgumentError, match="multiple input tensors required"):
            read(body, x=FLOAT, y=FLOAT)
    with pytest.raises(InvalidArgumentError, match="keys must be equal to: x,y"):
        read({"instances": [{"x": 1}]}, x=FLOAT, y=FLOAT)


def test_a_dtype_without_json_is_unimplemented() -> None:
    with pytest.raises(UnimplementedError, match=r"Conversion of JSON Value: \[1\.5\] to type: half"):
        read({"inputs": [1.5]}, x=types_pb2.DT_HALF)


def test_a_long_value_is_quoted_in_part() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        read({"inputs": ["word"] * 100_000}, x=FLOAT)
    assert len(str(caught.value)) < 400


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "b64", "y"]), inner, max_size=2)
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(
    key=st.sampled_from(["instances", "inputs"]),
    value=JSON_VALUES,
    dtype=st.sampled_from([FLOAT, INT32, STRING, types_pb2.DT_BOOL, types_pb2.DT_HALF]),
)
def test_any_json_is_read_or_refused(key: str, value: Any, dtype: int) -> None:
    try:
        arrays = read({key: value}, x=dtype)
    except (InvalidArgumentError, UnimplementedError):
        return
    assert arrays.keys() <= {"x"}


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(InvalidArgumentError):
        read(body, x=FLOAT)


def test_examples_with_the_features_of_the_documentation() -> None:
    body = {
        "signature_name": "classify_objects",
        "context": {"place": "beach"},
        "examples": [
            {"image": {"b64": "aW1hZ2UgYnl0ZXM="}, "caption": "seaside", "size": [1, 2], "x": 1.5, "on": True}
        ],
    }
    request = classification_pb2.ClassificationRequest()
    read_examples(json.dumps(body).encode(), request)
    assert request.model_spec.signature_name == "classify_objects"
    together = request.input.example_list_with_context
    assert together.context.features.feature["place"].bytes_list.value == [b"beach"]
    features = together.examples[0].features.feature
    assert features["image"].bytes_list.value == [b"image bytes"]
    assert features["size"].int64_list.value == [1, 2]
    assert features["x"].float_list.value == [1.5]
    assert features["on"].int64_list.value == [1]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1]]}]}, "unexpected JSON type: Array"),
        ({"examples": [{"x": [1, 1.5]}]}, "Unexpected element type in feature: x expecting type: int64"),
        ({"examples": [{"x": 1 << 63}]}, "Feature: x has uint64_t element. Only int64_t is supported"),
    ],
)
def test_examples_that_do_not_fit(body: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        read_examples(json.dumps(body).encode(), regression_pb2.RegressionRequest())
