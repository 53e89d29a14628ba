"""Values of parsed JSON as arrays and strings, by the rules of TensorFlow Serving's `json_tensor.cc`.

Numbers must be written as the dtype needs them (1.0 is no int32), bytes stand as {"b64": "..."}, and NaN and
Infinity are numbers.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from tensorflow.core.framework import types_pb2

from kzoo.serving.errors import InvalidArgumentError, UnimplementedError
from kzoo.serving.tensors import MAX_RANK

MAX_QUOTED = 256  # characters of a value in the message of an error
_B64 = "b64"
_TOO_BIG = "JSON Parse error: Number too big to be stored in double."


@dataclass(frozen=True)
class _Leaf:
    """What JSON values of one DataType are: their Python types, their range, and the array they make."""

    types: frozenset[type]
    numpy: type[np.generic]
    range: range | None = None

    def fits(self, values: list[Any]) -> bool:
        if not set(map(type, values)) <= self.types:
            return False
        return self.range is None or not values or (min(values) in self.range and max(values) in self.range)


_NUMBER = frozenset((int, float))
_WHOLE = frozenset((int,))


def _whole(numpy: type[np.integer[Any]]) -> _Leaf:
    return _Leaf(_WHOLE, numpy, range(int(np.iinfo(numpy).min), int(np.iinfo(numpy).max) + 1))


_LEAF_OF: dict[int, _Leaf] = {
    types_pb2.DT_FLOAT: _Leaf(_NUMBER, np.float32),
    types_pb2.DT_DOUBLE: _Leaf(_NUMBER, np.float64),
    types_pb2.DT_BOOL: _Leaf(frozenset((bool,)), np.bool_),
    types_pb2.DT_INT8: _whole(np.int8),
    types_pb2.DT_INT16: _whole(np.int16),
    types_pb2.DT_INT32: _whole(np.int32),
    types_pb2.DT_INT64: _whole(np.int64),
    types_pb2.DT_UINT8: _whole(np.uint8),
    types_pb2.DT_UINT32: _whole(np.uint32),
    types_pb2.DT_UINT64: _whole(np.uint64),
}


def as_array(value: Any, dtype: int) -> np.ndarray:
    """Return a value, or nested lists of values, as an array of a DataType; strings as objects of `bytes`.

    Raises:
        InvalidArgumentError: if the lists are of no rectangular shape, or a value is not of the DataType.
        UnimplementedError: for a DataType that has no JSON, as half.
    """
    shape, leaves = _flattened(value)
    if dtype == types_pb2.DT_STRING:
        strings = np.empty(len(leaves), object)
        strings[:] = [_string(leaf) for leaf in leaves]
        return strings.reshape(shape)
    kind = _LEAF_OF.get(dtype)
    if kind is None:
        raise UnimplementedError(f"Conversion of JSON Value: {quoted(value)} to type: {_type_name(dtype)}")
    if not kind.fits(leaves):
        raise _type_error(next(leaf for leaf in leaves if not kind.fits([leaf])), dtype)
    try:
        with np.errstate(over="ignore"):  # as in C, a double too large for a float is infinite
            return np.array(leaves, kind.numpy).reshape(shape)
    except OverflowError as error:
        raise InvalidArgumentError(_TOO_BIG) from error


def _flattened(value: Any) -> tuple[list[int], list[Any]]:
    """Return the shape of nested lists and their values in order.

    Raises:
        InvalidArgumentError: if lists of one level differ in length, or values stand at different levels.
    """
    shape: list[int] = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        if len(shape) > MAX_RANK:
            raise InvalidArgumentError(f"lists are nested more than {MAX_RANK} deep")
        first = first[0] if first else None
    values = [value]
    for level, size in enumerate(shape):
        for item in values:
            if not isinstance(item, list):
                raise InvalidArgumentError(
                    f"JSON Value: {quoted(item)} found at incorrect level: {level + 1} in the JSON DOM. "
                    f"Expected at level: {len(shape)}"
                )
            if len(item) != size:
                raise InvalidArgumentError(
                    f"Encountered list at unexpected size: {len(item)} at level: {level} "
                    f"expected size: {size}"
                )
        values = list(chain.from_iterable(values))
    if any(isinstance(item, list) for item in values):
        raise InvalidArgumentError(
            f"Encountered list at unexpected level: {len(shape)} expected < {len(shape)}"
        )
    return shape, values


def _string(value: Any) -> bytes:
    if isinstance(value, str):
        return as_utf8(value)
    if isinstance(value, dict):
        return from_base64(value)
    raise _type_error(value, types_pb2.DT_STRING)


def as_utf8(text: str) -> bytes:
    """Return a JSON string as a tensor holds it.

    Raises:
        InvalidArgumentError: if it holds half of a surrogate pair.
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidArgumentError("JSON Parse error: The surrogate pair in string is invalid.") from error


def from_base64(value: Any) -> bytes:
    """Return the bytes of {"b64": "..."}.

    Raises:
        InvalidArgumentError: if the value is not such an object.
    """
    if not is_base64(value):
        raise format_error(value, "not formatted correctly for base64 data")
    text: str = value[_B64]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgumentError("Unable to base64 decode") from error


def is_base64(value: Any) -> bool:
    """Say whether a value is {"b64": "..."}, with no other key."""
    return isinstance(value, dict) and list(value) == [_B64] and isinstance(value[_B64], str)


def as_double(value: float) -> float:
    """Return a number of any size as the nearest float.

    Raises:
        InvalidArgumentError: if it is beyond the range of floats.
    """
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidArgumentError(_TOO_BIG) from error


def _type_error(value: Any, dtype: int) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"JSON Value: {quoted(value)} Type: {json_type(value)} is not of expected type: {_type_name(dtype)}"
    )


def format_error(value: Any, message: str) -> InvalidArgumentError:
    """Return an error about the form of a value, which it quotes."""
    return InvalidArgumentError(f"JSON Value: {quoted(value)} {message}")


def _type_name(dtype: int) -> str:
    """Return TensorFlow's own short name, as "float" or "half"."""
    return str(types_pb2.DataType.Name(dtype)).removeprefix("DT_").lower()


def json_type(value: Any) -> str:
    """Return what TensorFlow Serving calls the type of a value."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "True" if value else "False"
    names: dict[type, str] = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return names[type(value)]


def quoted(value: Any) -> str:
    """Return a value as JSON, cut at 256 characters; no more of it is written than that."""
    text = ""
    chunks = json.JSONEncoder().iterencode(value)
    try:
        while len(text) < MAX_QUOTED:
            text += next(chunks)
    except (StopIteration, RecursionError):
        return text[:MAX_QUOTED]
    return text[:MAX_QUOTED]
