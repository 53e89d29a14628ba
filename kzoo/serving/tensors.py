"""TensorProto messages and NumPy arrays, each made from the other.

Written by hand because TensorFlow's `make_ndarray` expands whatever shape a message states: some bytes from a
client could ask for all memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2

from kzoo.errors import UsageError
from kzoo.serving.errors import InvalidArgumentError

MAX_RANK = 32
_STRING = np.dtype(object)
_POINTER_BYTES = 8

_NUMPY_OF: dict[int, np.dtype[Any]] = {
    types_pb2.DT_FLOAT: np.dtype(np.float32),
    types_pb2.DT_DOUBLE: np.dtype(np.float64),
    types_pb2.DT_HALF: np.dtype(np.float16),
    types_pb2.DT_BFLOAT16: np.dtype(ml_dtypes.bfloat16),
    types_pb2.DT_INT8: np.dtype(np.int8),
    types_pb2.DT_INT16: np.dtype(np.int16),
    types_pb2.DT_INT32: np.dtype(np.int32),
    types_pb2.DT_INT64: np.dtype(np.int64),
    types_pb2.DT_UINT8: np.dtype(np.uint8),
    types_pb2.DT_UINT16: np.dtype(np.uint16),
    types_pb2.DT_UINT32: np.dtype(np.uint32),
    types_pb2.DT_UINT64: np.dtype(np.uint64),
    types_pb2.DT_BOOL: np.dtype(np.bool_),
    types_pb2.DT_COMPLEX64: np.dtype(np.complex64),
    types_pb2.DT_COMPLEX128: np.dtype(np.complex128),
    types_pb2.DT_STRING: _STRING,
}
_ENUM_OF = {dtype: enum for enum, dtype in _NUMPY_OF.items()}
_NAME_OF = {enum: dtype.name for enum, dtype in _NUMPY_OF.items()} | {types_pb2.DT_STRING: "string"}
"""Looked up once: NumPy puts a name together anew each time that it is asked, for every tensor of a call."""

# The repeated field that holds the values of a dtype, and the dtype in which they stand there.
_INTEGERS = ("int_val", None)
_FIELD_OF: dict[int, tuple[str, Any]] = {
    types_pb2.DT_FLOAT: ("float_val", None),
    types_pb2.DT_DOUBLE: ("double_val", None),
    types_pb2.DT_HALF: ("half_val", np.uint16),
    types_pb2.DT_BFLOAT16: ("half_val", np.uint16),
    types_pb2.DT_INT8: _INTEGERS,
    types_pb2.DT_INT16: _INTEGERS,
    types_pb2.DT_INT32: _INTEGERS,
    types_pb2.DT_UINT8: _INTEGERS,
    types_pb2.DT_UINT16: _INTEGERS,
    types_pb2.DT_INT64: ("int64_val", None),
    types_pb2.DT_UINT32: ("uint32_val", None),
    types_pb2.DT_UINT64: ("uint64_val", None),
    types_pb2.DT_BOOL: ("bool_val", None),
    types_pb2.DT_COMPLEX64: ("scomplex_val", np.float32),
    types_pb2.DT_COMPLEX128: ("dcomplex_val", np.float64),
}


@dataclass(frozen=True)
class TensorSpec:
    """A dtype and a shape.

    Attributes:
        dtype: its name, as "float32", "bfloat16" or "string".
        shape: sizes, None where any size will do; None altogether for any rank.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    @classmethod
    def of(cls, dtype: int, shape: tensor_shape_pb2.TensorShapeProto) -> TensorSpec:
        """Read the two fields that TensorProto and TensorInfo share; a negative size is any size."""
        if shape.unknown_rank:
            return cls(dtype_name(dtype), None)
        return cls(dtype_name(dtype), tuple(None if d.size < 0 else d.size for d in shape.dim))

    def accepts(self, other: TensorSpec) -> bool:
        """Say whether a tensor of `other`'s dtype and shape may be given where this one is expected."""
        if self.dtype != other.dtype:
            return False
        if self.shape is None or other.shape is None:
            return self.shape is None
        return len(self.shape) == len(other.shape) and all(
            mine is None or mine == its for mine, its in zip(self.shape, other.shape, strict=True)
        )

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of any shape"
        return f"{self.dtype} [{', '.join('?' if size is None else str(size) for size in self.shape)}]"


def dtype_name(dtype: int) -> str:
    """Return NumPy's name of a DataType ("string" for strings), the enum's own where NumPy has none."""
    if dtype in _NAME_OF:
        return _NAME_OF[dtype]
    return str(types_pb2.DataType.Name(dtype)) if dtype in types_pb2.DataType.values() else f"dtype {dtype}"


def to_proto(array: np.ndarray) -> tensor_pb2.TensorProto:
    """Return the message for an array: numbers as raw bytes, `bytes` and `str` (UTF-8) as strings.

    Raises:
        UsageError: for a dtype or an object that no tensor can hold.
    """
    dtype = _STRING if array.dtype.kind in "SUO" else array.dtype.newbyteorder("=")
    if dtype not in _ENUM_OF:
        raise UsageError(f"a tensor cannot hold {array.dtype}; expected numbers, bool, bytes or str")
    proto = tensor_pb2.TensorProto(dtype=_ENUM_OF[dtype])
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if dtype == _STRING:
        proto.string_val.extend(_encoded(array.ravel().tolist()))
    else:
        proto.tensor_content = array.astype(dtype, copy=False).tobytes()
    return proto


def to_array(proto: tensor_pb2.TensorProto, *, max_bytes: int) -> np.ndarray:
    """Return the array that a message holds; strings as an object array of `bytes`.

    As in TensorFlow, the last of too few values fills the rest, and no values at all are zeros. An array made
    of raw bytes shares them and is read-only.

    Args:
        proto: as clients send it: raw bytes or values.
        max_bytes: memory that the array may take.

    Raises:
        InvalidArgumentError: if the message contradicts itself, its dtype cannot be held, or the array would
            take more than `max_bytes`.
    """
    dtype = _NUMPY_OF.get(proto.dtype)
    if dtype is None:
        raise InvalidArgumentError(f"a tensor of {dtype_name(proto.dtype)} is not supported")
    shape = _sizes(proto.tensor_shape)
    itemsize = _POINTER_BYTES if dtype == _STRING else dtype.itemsize
    # Zero sizes do not count, so that [0, 10**18] is refused as well: NumPy cannot address it.
    _check_bytes(
        math.prod(max(size, 1) for size in shape) * itemsize, max_bytes, shape, dtype_name(proto.dtype)
    )
    count = math.prod(shape)
    if dtype == _STRING:
        return _string_array(proto, shape, count, max_bytes)
    if proto.tensor_content:
        return _from_content(proto.tensor_content, dtype, shape, count)
    return _filled(_from_values(proto, dtype), count, np.zeros((), dtype)).reshape(shape)


def _sizes(shape: tensor_shape_pb2.TensorShapeProto) -> tuple[int, ...]:
    sizes = tuple(d.size for d in shape.dim)
    if shape.unknown_rank or any(size < 0 for size in sizes) or len(sizes) > MAX_RANK:
        received = "an unknown rank" if shape.unknown_rank else f"{list(sizes)[: MAX_RANK + 1]}"
        raise InvalidArgumentError(
            f"a tensor needs a shape of at most {MAX_RANK} sizes of 0 or more; received {received}"
        )
    return sizes


def _check_bytes(needed: int, allowed: int, shape: tuple[int, ...], dtype: str) -> None:
    if needed > allowed:
        raise InvalidArgumentError(
            f"a tensor may take at most {allowed} bytes; received {dtype} {list(shape)} of {needed} bytes"
        )


def _from_content(content: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], count: int) -> np.ndarray:
    if len(content) != count * dtype.itemsize:
        raise InvalidArgumentError(
            f"{dtype.name} {list(shape)} needs {count * dtype.itemsize} bytes of content; "
            f"received {len(content)}"
        )
    if dtype == np.bool_:
        return (np.frombuffer(content, np.uint8) != 0).reshape(shape)
    return np.frombuffer(content, dtype).reshape(shape)


def _from_values(proto: tensor_pb2.TensorProto, dtype: np.dtype[Any]) -> np.ndarray:
    name, stored = _FIELD_OF[proto.dtype]
    try:
        values = np.array(getattr(proto, name), dtype if stored is None else stored)
        return values.view(dtype)
    except (OverflowError, ValueError) as error:
        raise InvalidArgumentError(f"the values in {name} are no {dtype.name} tensor: {error}") from error


def _string_array(
    proto: tensor_pb2.TensorProto, shape: tuple[int, ...], count: int, max_bytes: int
) -> np.ndarray:
    if proto.tensor_content:
        raise InvalidArgumentError("strings belong into string_val; received tensor_content")
    given = len(proto.string_val)
    if given:
        repeated = max(count - given, 0) * len(proto.string_val[-1])
        text_bytes = sum(map(len, proto.string_val)) + repeated
        _check_bytes(count * _POINTER_BYTES + text_bytes, max_bytes, shape, "string")
    values = np.empty(given, object)
    values[:] = proto.string_val
    empty = np.empty((), object)
    empty[()] = b""
    return _filled(values, count, empty).reshape(shape)


def _filled(values: np.ndarray, count: int, zero: np.ndarray) -> np.ndarray:
    if len(values) == count:
        return values
    if len(values) > count:
        raise InvalidArgumentError(f"the shape has room for {count} values; received {len(values)}")
    last = values[-1] if len(values) else zero[()]
    return np.concatenate([values, np.full(count - len(values), last, values.dtype)])


def _encoded(values: Iterable[Any]) -> Iterable[bytes]:
    for value in values:
        if isinstance(value, bytes):
            yield value
        elif isinstance(value, str):
            yield value.encode("utf-8")
        else:
            raise UsageError(f"a string tensor holds bytes or str; received {type(value).__name__}")
