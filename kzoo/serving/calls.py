"""What a client can ask of a server: each call is described once, for clients of every kind.

A description makes the request and reads the answer; clients only carry it (`kzoo.serving.client`).
TensorFlow is imported with it: the messages of tensorflow-serving-api are made of TensorFlow's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kzoo.errors import UsageError
from kzoo.serving.config import MEBIBYTE
from kzoo.serving.status import VersionStatus
from kzoo.serving.tensors import TensorSpec, to_array, to_proto
from kzoo.serving.versions import MAX_VERSION

MAX_ANSWER_BYTES = 1024 * MEBIBYTE  # expanded; the size of messages is the connection's own limit

Answer = TypeVar("Answer")
Next = TypeVar("Next")


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One call.

    Attributes:
        stub: class of the generated stub.
        method: its method's name.
        request: the message.
        read: from the response to the answer.
        timeout_seconds: instead of the client's own; None for that.
    """

    stub: Callable[[Any], Any]
    method: str
    request: Any
    read: Callable[[Any], Answer]
    timeout_seconds: float | None = None

    def then(self, read: Callable[[Answer], Next]) -> Call[Next]:
        """Return the same call with its answer read further."""
        return Call(
            self.stub, self.method, self.request, lambda response: read(self.read(response)),
            self.timeout_seconds,
        )  # fmt: skip


@dataclass(frozen=True)
class SignatureMetadata:
    """What one signature takes and gives."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


@dataclass(frozen=True)
class ModelMetadata:
    """The signatures of one version of a model."""

    name: str
    version: int
    signatures: Mapping[str, SignatureMetadata]


def predict(
    model: str,
    inputs: Mapping[str, ArrayLike],
    *,
    signature: str = "serving_default",
    version: int | None = None,
    outputs: Iterable[str] | None = None,
    timeout_seconds: float | None = None,
) -> Call[dict[str, np.ndarray]]:
    """Run one signature of a model.

    Args:
        model: its name.
        inputs: an array an input, of exactly the dtype that the signature states; `bytes` for strings.
        signature: its name.
        version: the newest one by default.
        outputs: names of those wanted; all by default.
        timeout_seconds: instead of the client's own.

    Returns:
        An array an output; strings as object arrays of `bytes`.

    Raises:
        UsageError: for an input that no tensor can hold, or a version below 1.
        CallError: what the server says, as the class of its status: NotFoundError, InvalidArgumentError, ...
    """
    request = predict_pb2.PredictRequest(
        model_spec=_model_spec(model, version, signature), output_filter=list(outputs or ())
    )
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_proto(_as_array(value)))
    return Call(
        prediction_service_pb2_grpc.PredictionServiceStub, "Predict", request, _arrays, timeout_seconds
    )


def metadata(
    model: str, *, version: int | None = None, timeout_seconds: float | None = None
) -> Call[ModelMetadata]:
    """Return the signatures of a model.

    Raises:
        CallError: as `predict`.
    """
    request = get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec=_model_spec(model, version), metadata_field=["signature_def"]
    )
    stub = prediction_service_pb2_grpc.PredictionServiceStub
    return Call(stub, "GetModelMetadata", request, _metadata, timeout_seconds)


def status(
    model: str, *, version: int | None = None, timeout_seconds: float | None = None
) -> Call[list[VersionStatus]]:
    """Return how the versions of a model stand, newest first, or the one asked for.

    Raises:
        CallError: as `predict`.
    """
    request = get_model_status_pb2.GetModelStatusRequest(model_spec=_model_spec(model, version))
    return Call(
        model_service_pb2_grpc.ModelServiceStub, "GetModelStatus", request, _statuses, timeout_seconds
    )


def _arrays(response: Any) -> dict[str, np.ndarray]:
    return {name: to_array(proto, max_bytes=MAX_ANSWER_BYTES) for name, proto in response.outputs.items()}


def _metadata(response: Any) -> ModelMetadata:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return ModelMetadata(
        name=response.model_spec.name,
        version=response.model_spec.version.value,
        signatures={
            name: SignatureMetadata(_specs(definition.inputs), _specs(definition.outputs))
            for name, definition in sorted(signatures.signature_def.items())
        },
    )


def _statuses(response: Any) -> list[VersionStatus]:
    state_name = get_model_status_pb2.ModelVersionStatus.State.Name
    statuses = [
        VersionStatus(entry.version, state_name(entry.state), entry.status.error_message)
        for entry in response.model_version_status
    ]
    return sorted(statuses, key=lambda one: one.version, reverse=True)


def _model_spec(model: str, version: int | None, signature: str = "") -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=model, signature_name=signature)
    if version is not None:
        if not 0 < version <= MAX_VERSION:
            raise UsageError(f"a version is a whole number from 1; received {version}")
        spec.version.value = version
    return spec


def _as_array(value: ArrayLike) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind in "SU" and not isinstance(value, np.ndarray):
        return np.asarray(value, dtype=object)  # NumPy's own strings lose zero bytes at the end
    return array


def _specs(infos: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {name: TensorSpec.of(info.dtype, info.tensor_shape) for name, info in sorted(infos.items())}
