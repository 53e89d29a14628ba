"""One signature of a loaded model: what it takes, checked, and what it answers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from kzoo.serving.call import Progress
from kzoo.serving.config import InputLimits
from kzoo.serving.errors import CallError, InvalidArgumentError, error_of_status
from kzoo.serving.image_limits import check_pixels
from kzoo.serving.tensors import TensorSpec, to_array

Arrays = dict[str, np.ndarray]
Runner = Callable[[Arrays, Progress], Arrays]

_STATUS_OF_CODE = {
    1: "CANCELLED",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    11: "OUT_OF_RANGE",
    12: "UNIMPLEMENTED",
    14: "UNAVAILABLE",
}
_NODE_NAMES = re.compile(r"\{\{[^{}]*\}\}\s*")
_TRACE_LINES = ("Graph execution error:", "Detected at node", "<stack traces unavailable>", 'File "')


@dataclass(frozen=True)
class Signature:
    """A named function of a SavedModel.

    Attributes:
        name: as "serving_default".
        inputs, outputs: what it takes and gives.
        defaults: values of inputs that may be left out.
        runner: calls the graph with arrays that were checked.
        limits: of a request.
    """

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    defaults: Mapping[str, np.ndarray] = field(repr=False)
    runner: Runner = field(repr=False)
    limits: InputLimits

    @classmethod
    def of(
        cls, name: str, definition: meta_graph_pb2.SignatureDef, runner: Runner, limits: InputLimits
    ) -> Signature:
        """Join what the SavedModel says of a signature and what runs it."""
        return cls(
            name=name,
            inputs=specs_of(definition.inputs),
            outputs=specs_of(definition.outputs),
            defaults={
                key: to_array(value, max_bytes=limits.max_tensor_bytes)
                for key, value in definition.defaults.items()
            },
            runner=runner,
            limits=limits,
        )

    def wanted(self, output_filter: Iterable[str]) -> list[str]:
        """Return the outputs asked for, all if none is.

        Raises:
            InvalidArgumentError: for one that is not there.
        """
        asked = list(dict.fromkeys(output_filter))
        unknown = sorted(set(asked) - set(self.outputs))
        if unknown:
            raise InvalidArgumentError(
                f"signature {self.name!r} has no output {_listed(unknown)}; expected {_listed(self.outputs)}"
            )
        return asked or list(self.outputs)

    def read(self, inputs: Mapping[str, tensor_pb2.TensorProto]) -> Arrays:
        """Return the arrays of a request, its defaults filled in.

        Raises:
            InvalidArgumentError: if names, dtypes or shapes are not those of the signature, or one is over
                its limits.
        """
        received = set(inputs)
        if received - set(self.inputs) or set(self.inputs) - received - set(self.defaults):
            expected = ", ".join(f"{name}: {spec}" for name, spec in sorted(self.inputs.items()))
            raise InvalidArgumentError(
                f"signature {self.name!r} expects the inputs {{{expected}}}; received {_listed(received)}"
            )
        arrays = {name: self._array(name, proto) for name, proto in inputs.items()}
        return {**self.defaults, **self.checked(arrays)}

    def checked(self, arrays: Arrays) -> Arrays:
        """Return arrays whose names and dtypes fit, once their sizes are known to be within the limits.

        Raises:
            InvalidArgumentError: for too many rows, or an image of too many pixels.
        """
        for name, array in arrays.items():
            shape = self.inputs[name].shape
            if shape and shape[0] is None and len(array) > self.limits.max_rows:
                raise InvalidArgumentError(
                    f"input {name!r} may have at most {self.limits.max_rows} rows; received {len(array)}"
                )
            if array.dtype == object:
                check_pixels(array.ravel().tolist(), self.limits.max_pixels)
        return arrays

    def run(self, arrays: Arrays, progress: Progress) -> Arrays:
        """Run the graph on what `read` returned, and give all outputs.

        Raises:
            InvalidArgumentError: if the graph refuses the content.
            CallError: if the graph fails in another way.
        """
        started = time.perf_counter()
        try:
            return self.runner(arrays, progress)
        finally:
            progress.runtime_seconds += time.perf_counter() - started

    def _array(self, name: str, proto: tensor_pb2.TensorProto) -> np.ndarray:
        expected, received = self.inputs[name], TensorSpec.of(proto.dtype, proto.tensor_shape)
        if not expected.accepts(received):
            raise InvalidArgumentError(
                f"input {name!r} of signature {self.name!r} must be {expected}; received {received}"
            )
        try:
            return to_array(proto, max_bytes=self.limits.max_tensor_bytes)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"input {name!r} of signature {self.name!r}: {error}") from error


def graph_runner(function: Any) -> Runner:
    """Return a runner that calls a loaded signature function once a call.

    Its graph errors come out as CallError of the same canonical code, with the graph's own message.
    """

    def run(arrays: Arrays, progress: Progress) -> Arrays:
        progress.batch_size = max(progress.batch_size, rows_of(arrays))
        try:
            outputs = function(**{name: tf.constant(array) for name, array in arrays.items()})
            return {name: to_numpy(value) for name, value in outputs.items()}
        except tf.errors.OpError as error:
            raise call_error(error) from error

    return run


def rows_of(arrays: Arrays) -> int:
    """Return the size of the first axis of the first array that has one, 1 if none has."""
    return next((len(array) for array in arrays.values() if array.ndim), 1)


def to_numpy(tensor: tf.Tensor) -> np.ndarray:
    """Return an array whatever the rank: of a scalar, TensorFlow itself makes a number or `bytes`."""
    return np.asarray(tensor.numpy(), tensor.dtype.as_numpy_dtype)


def call_error(error: tf.errors.OpError) -> CallError:
    """Return the error of the same code, without traces and node names, which mean nothing to a caller."""
    lines = [line.strip() for line in _NODE_NAMES.sub("", error.message).split("\n\t [[")[0].splitlines()]
    kept = [line for line in lines if line and not line.startswith(_TRACE_LINES)]
    return error_of_status(
        _STATUS_OF_CODE.get(error.error_code, "INTERNAL"), " ".join(kept) or "the graph failed"
    )


def specs_of(infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, TensorSpec]:
    """Return dtype and shape of each input or output that a SavedModel states."""
    return {name: TensorSpec.of(info.dtype, info.tensor_shape) for name, info in sorted(infos.items())}


def _listed(names: Iterable[str]) -> str:
    return "{" + ", ".join(sorted(names)) + "}"
