"""The tf.Examples of Classify and Regress: what a signature is given for them, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from kzoo.serving.errors import FailedPreconditionError, InvalidArgumentError
from kzoo.serving.tensors import TensorSpec

SCORES = "scores"
CLASSES = "classes"
REGRESSION_OUTPUT = "outputs"
# Names under which signatures take serialized Examples and parse them in their graph.
SERIALIZED_EXAMPLE_INPUTS = frozenset({"inputs", "examples", "example", "input_example_tensor"})

Specs = Mapping[str, TensorSpec]


def examples_of(given: input_pb2.Input) -> list[example_pb2.Example]:
    """Return the Examples of a request, each joined with the context that they share.

    Raises:
        InvalidArgumentError: if there are none.
    """
    if given.WhichOneof("kind") == "example_list_with_context":
        shared = given.example_list_with_context
        examples = [_joined(shared.context, example) for example in shared.examples]
    else:
        examples = list(given.example_list.examples)
    if not examples:
        raise InvalidArgumentError("Input is empty.")
    return examples


def arrays_of(
    examples: Sequence[example_pb2.Example], inputs: Specs, *, max_bytes: int
) -> dict[str, np.ndarray]:
    """Return what a signature is given for Examples.

    A signature whose only input is a list of strings by one of SERIALIZED_EXAMPLE_INPUTS gets them
    serialized, as TensorFlow Serving gives them. Any other gets, for each input, the feature of its name.

    Raises:
        FailedPreconditionError: if an input cannot be a feature: no batch, or sizes that are not fixed.
        InvalidArgumentError: if a feature is missing, of another type, or has another number of values; or
            the arrays would take more than `max_bytes`.
    """
    if takes_serialized_examples(inputs):
        array = np.empty(len(examples), object)
        array[:] = [example.SerializeToString() for example in examples]
        return {next(iter(inputs)): array}
    return {name: _feature_array(examples, name, spec, max_bytes) for name, spec in inputs.items()}


def takes_serialized_examples(inputs: Specs) -> bool:
    """Say whether these are the inputs of a signature that parses Examples itself."""
    return any(
        len(inputs) == 1
        and name in SERIALIZED_EXAMPLE_INPUTS
        and spec.dtype == "string"
        and (spec.shape is None or len(spec.shape) == 1)
        for name, spec in inputs.items()
    )


def classifications(outputs: Mapping[str, np.ndarray], count: int) -> classification_pb2.ClassificationResult:
    """Return the classes of each Example, in the order in which the model gives them.

    Args:
        outputs: string (N, K) as "classes", float (N, K) as "scores", or one of the two.
        count: N, of the request.

    Raises:
        FailedPreconditionError: if the outputs are not those of a classifier.
    """
    scores, labels = outputs.get(SCORES), outputs.get(CLASSES)
    if scores is None and labels is None:
        raise FailedPreconditionError(
            f"Classify needs the output {CLASSES!r} or {SCORES!r}; the signature has {sorted(outputs)}"
        )
    for name, array, kind in ((SCORES, scores, "f"), (CLASSES, labels, "O")):
        if array is not None and (array.ndim != 2 or len(array) != count or array.dtype.kind != kind):
            raise FailedPreconditionError(
                f"Classify needs {name!r} as {'float' if kind == 'f' else 'string'} [{count}, ?]; "
                f"the signature gave {array.dtype} {list(array.shape)}"
            )
    if scores is not None and labels is not None and scores.shape != labels.shape:
        raise FailedPreconditionError(
            f"{SCORES!r} and {CLASSES!r} must be of one shape; received {scores.shape}, {labels.shape}"
        )
    result = classification_pb2.ClassificationResult()
    for row in range(count):
        classes = result.classifications.add().classes
        for column in range((scores if scores is not None else labels).shape[1]):  # type: ignore[union-attr]
            classes.add(
                label="" if labels is None else labels[row, column].decode("utf-8", "replace"),
                score=0.0 if scores is None else float(scores[row, column]),
            )
    return result


def regressions(outputs: Mapping[str, np.ndarray], count: int) -> regression_pb2.RegressionResult:
    """Return the value of each Example.

    Args:
        outputs: float (N,) or (N, 1), called "outputs" unless it is the only one.
        count: N, of the request.

    Raises:
        FailedPreconditionError: if the outputs are not those of a regression.
    """
    only = next(iter(outputs.values())) if len(outputs) == 1 else None
    values = outputs.get(REGRESSION_OUTPUT, only)
    if values is None or values.dtype.kind != "f" or values.shape not in ((count,), (count, 1)):
        received = {name: f"{array.dtype} {list(array.shape)}" for name, array in sorted(outputs.items())}
        raise FailedPreconditionError(
            f"Regress needs the output {REGRESSION_OUTPUT!r} as float [{count}] or [{count}, 1]; "
            f"the signature gave {received}"
        )
    result = regression_pb2.RegressionResult()
    for value in values.ravel().tolist():
        result.regressions.add(value=value)
    return result


def _joined(context: example_pb2.Example, example: example_pb2.Example) -> example_pb2.Example:
    joined = example_pb2.Example()
    joined.CopyFrom(context)
    joined.MergeFrom(example)
    return joined


def _feature_array(
    examples: Sequence[example_pb2.Example], name: str, spec: TensorSpec, max_bytes: int
) -> np.ndarray:
    shape = _row_shape(name, spec)
    count = int(np.prod(shape, dtype=np.int64))
    if len(examples) * max(count, 1) * 8 > max_bytes:
        raise InvalidArgumentError(
            f"{len(examples)} Examples of {count} values for {name!r} take more than {max_bytes} bytes"
        )
    rows = [_values(example, name, spec.dtype, count) for example in examples]
    array = np.empty((len(examples), count), object if spec.dtype == "string" else spec.dtype)
    for row, values in enumerate(rows):
        array[row] = values
    return array.reshape(len(examples), *shape)


def _row_shape(name: str, spec: TensorSpec) -> tuple[int, ...]:
    sizes = [] if spec.shape is None else [size for size in spec.shape[1:] if size is not None]
    if not spec.shape or spec.shape[0] is not None or len(sizes) != len(spec.shape) - 1:
        raise FailedPreconditionError(
            f"an Example cannot give the input {name!r}: it is {spec}; expected [?, fixed sizes]"
        )
    return tuple(sizes)


def _values(example: example_pb2.Example, name: str, dtype: str, count: int) -> Any:
    kind = {"string": "bytes_list", "float32": "float_list", "float64": "float_list"}.get(dtype, "int64_list")
    if name not in example.features.feature:
        received = sorted(example.features.feature) or "none"
        raise InvalidArgumentError(f"each Example needs the feature {name!r}; received {received}")
    feature = example.features.feature[name]
    if feature.WhichOneof("kind") != kind:
        raise InvalidArgumentError(
            f"the feature {name!r} must be a {kind}; received {feature.WhichOneof('kind') or 'nothing'}"
        )
    values = list(getattr(feature, kind).value)
    if len(values) != count:
        raise InvalidArgumentError(f"the feature {name!r} needs {count} values; received {len(values)}")
    if kind == "int64_list" and dtype != "int64":
        try:
            return np.array(values, dtype)
        except (OverflowError, TypeError, ValueError) as error:
            raise InvalidArgumentError(f"the feature {name!r} does not fit {dtype}: {error}") from error
    return values
