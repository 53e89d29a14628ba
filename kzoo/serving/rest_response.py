"""Answers of the server, written as TensorFlow Serving's REST API writes them."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    regression_pb2,
)

from kzoo.serving.core import SIGNATURE_DEF_FIELD
from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.rest_request import Layout
from kzoo.serving.tensors import to_array

BYTES_SUFFIX = "_bytes"
_UNBOUNDED = 1 << 62  # answers were bounded where they were made
_INDENT = "    "
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def write_predict(outputs: Mapping[str, tensor_pb2.TensorProto], layout: Layout) -> str:
    """Return the body of an answer to `:predict`, in the layout that the request had.

    Strings of outputs whose names end in `_bytes`, and strings that are no UTF-8, are {"b64": "..."}.

    Args:
        outputs: at least one; in the layout "row", all with the same first size.
        layout: "row" gives "predictions", "column" gives "outputs"; the name of a sole output is left out.

    Raises:
        InvalidArgumentError: if the outputs have no common first size in a row layout, or a dtype that JSON
            does not have.
    """
    if not outputs:
        raise InvalidArgumentError("Cannot convert empty tensor map to JSON")
    ordered = dict(sorted(outputs.items()))
    if layout == "column":
        written = {name: _written(name, proto, depth=0)[0] for name, proto in ordered.items()}
        return _document("outputs", _named(written))
    rows = _common_size(ordered)
    columns = {name: _written(name, proto, depth=1) for name, proto in ordered.items()}
    if len(columns) == 1:
        return _document("predictions", _list(next(iter(columns.values()))))
    items = [_named({name: column[row] for name, column in columns.items()}) for row in range(rows)]
    return _document("predictions", _list(items))


def write_classify(response: classification_pb2.ClassificationResponse) -> str:
    """Return the body of an answer to `:classify`: for each example its [label, score] pairs.

    Raises:
        InvalidArgumentError: if there is no example.
    """
    if not response.result.classifications:
        raise InvalidArgumentError("Cannot convert empty ClassificationResults to JSON")
    rows = []
    for classifications in response.result.classifications:
        scores = _decimals(np.array([c.score for c in classifications.classes], np.float32))
        labels = [_text(c.label) for c in classifications.classes]
        rows.append(_list([f"[{label}, {score}]" for label, score in zip(labels, scores, strict=True)]))
    return _document("results", _list(rows))


def write_regress(response: regression_pb2.RegressionResponse) -> str:
    """Return the body of an answer to `:regress`: a number for each example.

    Raises:
        InvalidArgumentError: if there is no example.
    """
    if not response.result.regressions:
        raise InvalidArgumentError("Cannot convert empty RegressionResults to JSON")
    values = np.array([regression.value for regression in response.result.regressions], np.float32)
    return _document("results", _list(_decimals(values)))


def write_status(response: get_model_status_pb2.GetModelStatusResponse) -> str:
    """Return the body of the state of a model's versions."""
    return json_format.MessageToJson(response, always_print_fields_with_no_presence=True, indent=1) + "\n"


def write_metadata(response: get_model_metadata_pb2.GetModelMetadataResponse) -> str:
    """Return the body of a version's signatures."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata[SIGNATURE_DEF_FIELD].Unpack(signatures)
    document = {
        "model_spec": _as_dict(response.model_spec),
        "metadata": {SIGNATURE_DEF_FIELD: _as_dict(signatures)},
    }
    return json.dumps(document, indent=1) + "\n"


def write_error(message: str) -> str:
    """Return the body of a refusal."""
    return _document("error", _text(message))


def _as_dict(message: Any) -> dict[str, Any]:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _common_size(outputs: Mapping[str, tensor_pb2.TensorProto]) -> int:
    size: int | None = None
    for name, proto in outputs.items():
        if not proto.tensor_shape.dim:
            raise InvalidArgumentError(f"Tensor name: {name} has no shape information ")
        own = int(proto.tensor_shape.dim[0].size)
        if size is not None and own != size:
            raise InvalidArgumentError(
                f"Tensor name: {name} has inconsistent batch size: {own} expecting: {size}"
            )
        size = own
    assert size is not None
    return size


def _written(name: str, proto: tensor_pb2.TensorProto, *, depth: int) -> list[str]:
    """Return the parts of a tensor below its first `depth` dimensions, each as JSON."""
    array = to_array(proto, max_bytes=_UNBOUNDED)
    parts = _leaves(name, proto.dtype, array)
    for level in range(array.ndim - 1, depth - 1, -1):
        size, lists = array.shape[level], math.prod(array.shape[:level])
        parts = [_list(parts[index * size : (index + 1) * size]) for index in range(lists)]
    return parts


def _leaves(name: str, dtype: int, array: np.ndarray) -> list[str]:
    if dtype == types_pb2.DT_STRING:
        write = _base64 if name.endswith(BYTES_SUFFIX) else _string
        return [write(value) for value in array.ravel().tolist()]
    writer = _WRITER_OF.get(dtype)
    if writer is None:
        kind = str(types_pb2.DataType.Name(dtype)).removeprefix("DT_").lower()
        raise InvalidArgumentError(f"Failed to write JSON value for tensor type: {kind}")
    return writer(array.ravel())


def _decimals(values: np.ndarray) -> list[str]:
    """Return floats as TensorFlow Serving writes them: six digits, more only where these are not exact."""
    digits = 9 if values.dtype == np.float32 else 17
    numbers = values.tolist()
    written = [f"{number:.6g}" for number in numbers]
    inexact = np.array(written, np.float64).astype(values.dtype) != values
    for index in np.flatnonzero(inexact | ~np.isfinite(values)):
        number = numbers[index]
        written[index] = f"{number:.{digits}g}" if np.isfinite(number) else _NOT_FINITE[str(number)]
    return [f"{text}.0" if text.lstrip("-").isdigit() else text for text in written]


def _integers(values: np.ndarray) -> list[str]:
    return list(map(str, values.tolist()))


def _booleans(values: np.ndarray) -> list[str]:
    return ["true" if value else "false" for value in values.tolist()]


_WRITER_OF: dict[int, Callable[[np.ndarray], list[str]]] = {
    types_pb2.DT_FLOAT: _decimals,
    types_pb2.DT_DOUBLE: _decimals,
    types_pb2.DT_BOOL: _booleans,
    types_pb2.DT_INT8: _integers,
    types_pb2.DT_INT16: _integers,
    types_pb2.DT_INT32: _integers,
    types_pb2.DT_INT64: _integers,
    types_pb2.DT_UINT8: _integers,
    types_pb2.DT_UINT32: _integers,
    types_pb2.DT_UINT64: _integers,
}


def _string(value: bytes) -> str:
    try:
        return _text(value.decode("utf-8"))
    except UnicodeDecodeError:
        return _base64(value)


def _base64(value: bytes) -> str:
    return f'{{"b64": "{base64.b64encode(value).decode("ascii")}"}}'


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(parts: Sequence[str]) -> str:
    return f"[{', '.join(parts)}]"


def _named(parts: Mapping[str, str]) -> str:
    if len(parts) == 1:
        return next(iter(parts.values()))
    return "{" + ", ".join(f"{_text(name)}: {part}" for name, part in parts.items()) + "}"


def _document(key: str, value: str) -> str:
    return f'{{\n{_INDENT}"{key}": {value}\n}}\n'
