"""Bodies of TensorFlow Serving's REST API, read as its gRPC messages.

The rules and the messages of errors are those of TensorFlow Serving's `json_tensor.cc`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal

import numpy as np
from tensorflow.core.example import example_pb2, feature_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import classification_pb2, predict_pb2, regression_pb2

from kzoo.serving.errors import CallError, InvalidArgumentError
from kzoo.serving.json_values import (
    as_array,
    as_double,
    as_utf8,
    format_error,
    from_base64,
    is_base64,
    json_type,
    quoted,
)
from kzoo.serving.tensors import to_proto

Layout = Literal["row", "column"]
SignatureOf = Callable[[str], meta_graph_pb2.SignatureDef]

_INT64 = range(-(1 << 63), 1 << 63)
_UINT64 = range(1 << 64)


def read_predict(body: bytes, request: predict_pb2.PredictRequest, signature_of: SignatureOf) -> Layout:
    """Fill a request's signature name and inputs from a body, and say in which layout they stood.

    Args:
        body: a JSON object with "instances" or "inputs", and "signature_name" if it is not the default one.
        request: its model_spec says which model is meant.
        signature_of: gives the signature of a name, "" for the default, so that dtypes are known.

    Raises:
        InvalidArgumentError: if the body is not such an object.
        UnimplementedError: for an input of a dtype that JSON cannot give, as half.
        CallError: what `signature_of` raises.
    """
    document = _read_object(body)
    request.model_spec.signature_name = _signature_name(document)
    signature = signature_of(request.model_spec.signature_name)
    if "instances" in document and "inputs" in document:
        raise format_error(
            document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    if "instances" in document:
        arrays = _rows(document, signature.inputs, signature.defaults)
        layout: Layout = "row"
    elif "inputs" in document:
        arrays = _columns(document["inputs"], signature.inputs, signature.defaults)
        layout = "column"
    else:
        raise InvalidArgumentError("Missing 'inputs' or 'instances' key")
    for name, array in arrays.items():
        request.inputs[name].CopyFrom(to_proto(array))
    return layout


def read_examples(
    body: bytes, request: classification_pb2.ClassificationRequest | regression_pb2.RegressionRequest
) -> None:
    """Fill a request's signature name and examples from a body.

    Args:
        body: a JSON object with "examples" and, if they share features, "context".
        request: its model_spec says which model is meant.

    Raises:
        InvalidArgumentError: if the body is not such an object.
    """
    document = _read_object(body)
    request.model_spec.signature_name = _signature_name(document)
    examples = document.get("examples")
    if "examples" not in document:
        raise format_error(document, "When method is classify, key 'examples' is expected and was not found")
    if not isinstance(examples, list):
        raise format_error(document, "Expecting 'examples' value to be an list/array")
    if not examples:
        raise format_error(document, "'examples' value is an empty array")
    if "context" in document:
        request.input.example_list_with_context.context.CopyFrom(_example(document["context"]))
        request.input.example_list_with_context.examples.extend(map(_example, examples))
    else:
        request.input.example_list.examples.extend(map(_example, examples))


def _read_object(body: bytes) -> dict[str, Any]:
    """Parse a body; as in TensorFlow Serving, what stands after the object is not looked at."""
    try:
        text = body.decode("utf-8-sig").lstrip(" \t\r\n")
        if not text:
            raise InvalidArgumentError("JSON Parse error: The document is empty")
        document, _ = json.JSONDecoder().raw_decode(text)
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(
            f"JSON Parse error: Invalid encoding in string. at offset: {error.start}"
        ) from error
    except json.JSONDecodeError as error:
        raise InvalidArgumentError(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except RecursionError as error:
        raise InvalidArgumentError("JSON Parse error: values are nested too deeply") from error
    except ValueError as error:
        raise InvalidArgumentError(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise format_error(document, "Is not object")
    return document


def _signature_name(document: dict[str, Any]) -> str:
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise format_error(document, "not formatted correctly. 'signature_name' key must be a string value.")
    return name


def _rows(
    document: dict[str, Any], infos: Mapping[str, meta_graph_pb2.TensorInfo], optional: Collection[str]
) -> dict[str, np.ndarray]:
    rows = document["instances"]
    if not isinstance(rows, list):
        raise format_error(document, "Expecting 'instances' to be an list/array")
    if not rows:
        raise format_error(document, "No values in 'instances' array")
    if not _is_named(rows[0]):
        if len(infos) > 1:
            raise InvalidArgumentError(
                "instances is a plain list, but expecting list of objects as multiple input tensors required "
                "as per tensorinfo_map"
            )
        for number, row in enumerate(rows):
            if _is_named(row):
                raise InvalidArgumentError(
                    f"Expecting value/list but got object at item {number} of input list"
                )
        name, info = _only(infos)
        return {name: _batch(rows, info.dtype, "")}
    _check_names(rows, infos, optional)
    return {name: _batch([row[name] for row in rows], infos[name].dtype, f" key: {name}") for name in rows[0]}


def _check_names(
    rows: list[Any], infos: Mapping[str, meta_graph_pb2.TensorInfo], optional: Collection[str]
) -> None:
    for number, row in enumerate(rows):
        if not _is_named(row):
            raise InvalidArgumentError(f"Expecting object but got list at item {number} of input list")
        place = f"Failed to process element: {number}"
        for name in row:
            if name not in infos:
                raise InvalidArgumentError(
                    f"{place} key: {name} of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does "
                    f"not have named input: {name}"
                )
        if row.keys() != rows[0].keys() or not infos.keys() - set(optional) <= row.keys():
            raise InvalidArgumentError(
                f"{place} of 'instances' list. JSON object: {quoted(row)} keys must be equal to: "
                f"{','.join(sorted(infos))}"
            )


def _columns(
    value: Any, infos: Mapping[str, meta_graph_pb2.TensorInfo], optional: Collection[str]
) -> dict[str, np.ndarray]:
    if not _is_named(value):
        if len(infos) > 1:
            raise InvalidArgumentError(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required "
                "as per tensorinfo_map"
            )
        name, info = _only(infos)
        return {name: as_array(value, info.dtype)}
    for name in sorted(infos.keys() - set(optional)):
        if name not in value:
            raise InvalidArgumentError(f"Missing named input: {name} in 'inputs' object.")
    return {name: as_array(value[name], info.dtype) for name, info in infos.items() if name in value}


def _only(infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> tuple[str, meta_graph_pb2.TensorInfo]:
    if not infos:
        raise InvalidArgumentError("the signature has no inputs; expected {} for 'inputs'")
    return next(iter(infos.items()))


def _batch(values: list[Any], dtype: int, key: str) -> np.ndarray:
    """Join the values that the instances give for one input; an error says which instance it is about."""
    try:
        return as_array(values, dtype)
    except InvalidArgumentError:
        for number, reason in _misfits(values, dtype):
            raise InvalidArgumentError(
                f"Failed to process element: {number}{key} of 'instances' list. Error: INVALID_ARGUMENT: "
                f"{reason}"
            ) from None
        raise


def _misfits(values: list[Any], dtype: int) -> Iterable[tuple[int, str]]:
    first: np.ndarray | None = None
    for number, value in enumerate(values):
        try:
            array = as_array(value, dtype)
        except CallError as error:
            yield number, str(error)
            return
        first = array if first is None else first
        if array.size != first.size:
            yield number, f"Expecting tensor size: {first.size} but got: {array.size}"
        elif array.shape != first.shape:
            yield number, f"Expecting shape {list(first.shape)} but got: {list(array.shape)}"


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _example(value: Any) -> example_pb2.Example:
    if not isinstance(value, dict):
        raise InvalidArgumentError(f"Example must be JSON object but got JSON {json_type(value)}")
    example = example_pb2.Example()
    for name, content in value.items():
        feature = example.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            _add_to_feature(feature, name, item)
    return example


_KIND_OF_LIST = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def _add_to_feature(feature: feature_pb2.Feature, name: str, value: Any) -> None:
    field, stored = _feature_value(name, value)
    present = feature.WhichOneof("kind")
    if present not in (None, field):
        raise InvalidArgumentError(
            f"Unexpected element type in feature: {name} expecting type: {_KIND_OF_LIST[present]}"
        )
    getattr(feature, field).value.append(stored)


def _feature_value(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, str):
        return "bytes_list", as_utf8(value)
    if is_base64(value):
        return "bytes_list", from_base64(value)
    if isinstance(value, float) or (isinstance(value, int) and value not in _INT64 and value not in _UINT64):
        return "float_list", as_double(value)
    if isinstance(value, int):
        if value not in _INT64:
            raise InvalidArgumentError(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
        return "int64_list", int(value)
    raise InvalidArgumentError(f"Feature: {name} has element with unexpected JSON type: {json_type(value)}")
