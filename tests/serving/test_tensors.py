from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.framework import tensor_pb2, types_pb2

from kzoo.errors import UsageError
from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.tensors import TensorSpec, to_array, to_proto

LIMIT = 1 << 16
NUMBERS = [
    *("float16", "float32", "float64", "complex64", "complex128", "bool"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def bits(array: np.ndarray) -> tuple[Any, ...]:
    """What two arrays have in common only if they are the same, NaN and -0.0 included."""
    content = array.tolist() if array.dtype == object else array.tobytes()
    return array.dtype, array.shape, content


def message(dtype: int, sizes: list[int], **values: Any) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=dtype, **values)
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    return proto


@st.composite
def string_arrays(draw: st.DrawFn) -> np.ndarray:
    shape = draw(SHAPES)
    array = np.empty(shape, object)
    for index in np.ndindex(shape):
        array[index] = draw(st.binary(max_size=8))
    return array


arrays = st.one_of(
    st.sampled_from(NUMBERS).flatmap(lambda name: hnp.arrays(name, SHAPES)),
    hnp.arrays(np.uint16, SHAPES).map(lambda array: array.view(ml_dtypes.bfloat16)),
    string_arrays(),
)


@given(arrays)
def test_an_array_comes_back_bit_for_bit(array: np.ndarray) -> None:
    proto = tensor_pb2.TensorProto.FromString(to_proto(array).SerializeToString())
    assert bits(to_array(proto, max_bytes=LIMIT)) == bits(array)


@given(arrays)
def test_tensorflow_reads_what_is_written_and_writes_what_is_read(array: np.ndarray) -> None:
    theirs = tf.make_ndarray(to_proto(array))
    assert bits(theirs.astype(array.dtype)) == bits(array)
    assert bits(to_array(tf.make_tensor_proto(array, shape=array.shape), max_bytes=LIMIT)) == bits(array)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (types_pb2.DT_FLOAT, {"float_val": [0.5, -2.0]}),
        (types_pb2.DT_DOUBLE, {"double_val": [0.1, -2.0]}),
        (types_pb2.DT_HALF, {"half_val": [0x3C00, 0xC000]}),
        (types_pb2.DT_BFLOAT16, {"half_val": [0x3F80, 0xC000]}),
        (types_pb2.DT_INT8, {"int_val": [-128, 127]}),
        (types_pb2.DT_INT16, {"int_val": [-300, 300]}),
        (types_pb2.DT_INT32, {"int_val": [-70000, 70000]}),
        (types_pb2.DT_UINT8, {"int_val": [0, 255]}),
        (types_pb2.DT_UINT16, {"int_val": [0, 65535]}),
        (types_pb2.DT_INT64, {"int64_val": [-(1 << 40), 1 << 40]}),
        (types_pb2.DT_UINT32, {"uint32_val": [0, (1 << 32) - 1]}),
        (types_pb2.DT_UINT64, {"uint64_val": [0, (1 << 64) - 1]}),
        (types_pb2.DT_BOOL, {"bool_val": [True, False]}),
        (types_pb2.DT_COMPLEX64, {"scomplex_val": [1.0, 2.0, 3.0, 4.0]}),
        (types_pb2.DT_COMPLEX128, {"dcomplex_val": [1.0, 2.0, 3.0, 4.0]}),
        (types_pb2.DT_STRING, {"string_val": [b"a", b"\0"]}),
    ],
)
def test_values_in_their_own_field_are_read(dtype: int, values: dict[str, list[Any]]) -> None:
    proto = message(dtype, [2], **values)
    assert bits(to_array(proto, max_bytes=LIMIT)) == bits(tf.make_ndarray(proto))


@pytest.mark.parametrize(
    ("values", "expected"), [([], [0, 0, 0]), ([5], [5, 5, 5]), ([5, 6], [5, 6, 6]), ([5, 6, 7], [5, 6, 7])]
)
def test_the_last_value_fills_the_rest(values: list[int], expected: list[int]) -> None:
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT32, int_val=values)
    proto.tensor_shape.dim.add(size=3)
    assert to_array(proto, max_bytes=LIMIT).tolist() == expected


def test_the_last_string_fills_the_rest() -> None:
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[b"a", b"b"])
    proto.tensor_shape.dim.add(size=3)
    assert to_array(proto, max_bytes=LIMIT).tolist() == [b"a", b"b", b"b"]


def test_bytes_that_are_neither_true_nor_false_are_true() -> None:
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_BOOL, tensor_content=b"\0\1\2")
    proto.tensor_shape.dim.add(size=3)
    assert to_array(proto, max_bytes=LIMIT).view(np.uint8).tolist() == [0, 1, 1]


def test_other_byte_orders_strides_and_text_are_written_as_tensors_have_them() -> None:
    swapped = np.arange(6, dtype=">i4").reshape(2, 3).T
    assert to_array(to_proto(swapped), max_bytes=LIMIT).tolist() == swapped.tolist()
    assert to_array(to_proto(np.array("é")), max_bytes=LIMIT).item() == "é".encode()


@pytest.mark.parametrize("array", [np.array("2026-01-01", "datetime64[D]"), np.array([1, None], object)])
def test_what_no_tensor_holds_is_refused(array: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"received|cannot hold"):
        to_proto(array)


@pytest.mark.parametrize(
    ("proto", "said"),
    [
        (message(types_pb2.DT_FLOAT, [1 << 40], float_val=[1.0]), "at most 65536 bytes"),
        (message(types_pb2.DT_FLOAT, [1 << 62, 1 << 62, 0]), "at most 65536 bytes"),
        (message(types_pb2.DT_STRING, [1000], string_val=[b"x" * 1000]), "at most 65536 bytes"),
        (message(types_pb2.DT_FLOAT, [2], tensor_content=b"1234567"), "needs 8 bytes of content; received 7"),
        (message(types_pb2.DT_FLOAT, [2], float_val=[1, 2, 3]), "room for 2 values; received 3"),
        (message(types_pb2.DT_FLOAT, [-1], float_val=[1]), "received .*-1"),
        (message(types_pb2.DT_FLOAT, [1] * 40, float_val=[1]), "at most 32 sizes"),
        (message(types_pb2.DT_UINT8, [1], int_val=[300]), "no uint8 tensor"),
        (message(types_pb2.DT_HALF, [1], half_val=[-1]), "no float16 tensor"),
        (message(types_pb2.DT_COMPLEX64, [1], scomplex_val=[1, 2, 3]), "no complex64 tensor"),
        (message(types_pb2.DT_STRING, [1], tensor_content=b"x"), "string_val"),
        (message(types_pb2.DT_RESOURCE, [1]), "DT_RESOURCE is not supported"),
        (message(0, [1]), "DT_INVALID is not supported"),
        (message(987, [1]), "dtype 987 is not supported"),
    ],
)
def test_messages_that_contradict_themselves_are_refused(proto: tensor_pb2.TensorProto, said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        to_array(proto, max_bytes=LIMIT)


def test_an_unknown_rank_is_refused() -> None:
    proto = message(types_pb2.DT_FLOAT, [])
    proto.tensor_shape.unknown_rank = True
    with pytest.raises(InvalidArgumentError, match="unknown rank"):
        to_array(proto, max_bytes=LIMIT)


int32s = st.integers(-(1 << 31), (1 << 31) - 1)


@given(
    dtype=st.sampled_from(types_pb2.DataType.values()) | int32s,
    sizes=st.lists(st.integers(-2, 5) | st.integers(-(1 << 63), (1 << 63) - 1), max_size=5),
    content=st.binary(max_size=32),
    ints=st.lists(int32s, max_size=4),
    floats=st.lists(st.floats(width=32), max_size=4),
    texts=st.lists(st.binary(max_size=40), max_size=4),
)
def test_any_message_is_read_within_the_limit_or_refused(
    dtype: int, sizes: list[int], content: bytes, ints: list[int], floats: list[float], texts: list[bytes]
) -> None:
    values = {"int_val": ints, "half_val": ints, "float_val": floats, "scomplex_val": floats}
    proto = message(dtype, sizes, tensor_content=content, string_val=texts, **values)
    try:
        array = to_array(proto, max_bytes=LIMIT)
    except InvalidArgumentError:
        return
    assert array.nbytes <= LIMIT
    assert list(array.shape) == sizes


def test_a_spec_accepts_its_dtype_and_shape_only() -> None:
    spec = TensorSpec("float32", (None, 3))
    assert spec.accepts(TensorSpec("float32", (0, 3)))
    assert not spec.accepts(TensorSpec("float64", (2, 3)))
    assert not spec.accepts(TensorSpec("float32", (2, 4)))
    assert not spec.accepts(TensorSpec("float32", (3,)))
    assert not spec.accepts(TensorSpec("float32", None))
    assert TensorSpec("float32", None).accepts(TensorSpec("float32", (7, 7, 7)))
    assert str(spec) == "float32 [?, 3]"
