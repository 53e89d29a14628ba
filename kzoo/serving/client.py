"""A client of TensorFlow Serving's gRPC protocol: NumPy in, NumPy out.

Works against the embedded server and against TensorFlow Serving itself. TensorFlow is imported with it: the
messages of tensorflow-serving-api are made of TensorFlow's own, which are only there as a part of TensorFlow.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import grpc
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
from kzoo.serving.errors import (
    DeadlineExceededError,
    NotFoundError,
    UnavailableError,
    error_of_status,
)
from kzoo.serving.images import Image, encode_images
from kzoo.serving.status import VersionStatus
from kzoo.serving.tensors import TensorSpec, to_array, to_proto
from kzoo.serving.versions import MAX_VERSION

IMAGE_INPUT = "image_bytes"
POLL_SECONDS = 0.1
MAX_ATTEMPTS = 5  # the most that gRPC allows


@dataclass(frozen=True)
class Classification:
    """The answer of a classifier to one image.

    Attributes:
        best: (class name, score) pairs, best first.
        probabilities: float32 (C,), in the order of the labels.
    """

    best: tuple[tuple[str, float], ...]
    probabilities: np.ndarray = field(repr=False)


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


class Client:
    """Calls a server over one connection, which threads may share; as a context manager, closed at the end.

    A call that finds the server unavailable is made again, up to five times in all, after pauses that double
    and are jittered by gRPC, within the time that the call has. Nothing else is retried.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = 30.0,
        max_attempts: int = MAX_ATTEMPTS,
        first_backoff_seconds: float = 0.1,
        max_message_bytes: int = 64 * MEBIBYTE,
    ) -> None:
        """Prepare a connection; it is made by the first call.

        Args:
            address: as "localhost:8500".
            timeout_seconds: time that a call may take, with all its attempts; above 0.
            max_attempts: of a call while the server is unavailable, 1 to 5.
            first_backoff_seconds: mean pause before the second attempt; above 0.
            max_message_bytes: of a request and of an answer.

        Raises:
            UsageError: for a value out of its range.
        """
        if not (timeout_seconds > 0 and math.isfinite(timeout_seconds)):
            raise UsageError(f"timeout_seconds must be above 0 and finite; received {timeout_seconds}")
        if not 1 <= max_attempts <= MAX_ATTEMPTS:
            raise UsageError(f"max_attempts must be 1 to {MAX_ATTEMPTS}; received {max_attempts}")
        if not first_backoff_seconds > 0:
            raise UsageError(f"first_backoff_seconds must be above 0; received {first_backoff_seconds}")
        self.address = address
        self._timeout_seconds = timeout_seconds
        self._max_message_bytes = max_message_bytes
        self._channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", max_message_bytes),
                ("grpc.service_config", _service_config(max_attempts, first_backoff_seconds)),
            ],
        )
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._model = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def close(self) -> None:
        """Close the connection; calls in flight are cancelled."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def predict(
        self,
        model: str,
        inputs: Mapping[str, ArrayLike],
        *,
        signature: str = "serving_default",
        version: int | None = None,
        outputs: Iterable[str] | None = None,
        timeout_seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
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
            CallError: what the server says, as the class of its status: NotFoundError,
                InvalidArgumentError, ...
        """
        request = predict_pb2.PredictRequest(
            model_spec=_model_spec(model, version, signature), output_filter=list(outputs or ())
        )
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(to_proto(_as_array(value)))
        response = self._call(self._prediction.Predict, request, timeout_seconds)
        return {
            name: to_array(proto, max_bytes=self._max_message_bytes)
            for name, proto in response.outputs.items()
        }

    def classify(
        self,
        model: str,
        images: Iterable[Image],
        *,
        version: int | None = None,
        timeout_seconds: float | None = None,
    ) -> list[Classification]:
        """Ask a classifier for the classes of images, in one call.

        Args:
            model, version, timeout_seconds: as for `predict`.
            images: paths, encoded bytes, or uint8 arrays (H, W, 3).

        Raises:
            DataError: if a file cannot be read.
            UsageError: for no images, or something that is no image.
            CallError: as `predict`; InvalidArgumentError if an image cannot be decoded.
        """
        answer = self.predict(
            model,
            {IMAGE_INPUT: encode_images(images)},
            version=version,
            outputs=("probabilities", "classes", "scores"),
            timeout_seconds=timeout_seconds,
        )
        rows = zip(answer["classes"], answer["scores"], answer["probabilities"], strict=True)
        return [
            Classification(
                best=tuple(
                    (name.decode("utf-8"), float(score)) for name, score in zip(names, scores, strict=True)
                ),
                probabilities=probabilities,
            )
            for names, scores, probabilities in rows
        ]

    def embed(
        self,
        model: str,
        images: Iterable[Image],
        *,
        version: int | None = None,
        timeout_seconds: float | None = None,
    ) -> np.ndarray:
        """Return the embeddings of images, float32 (N, D); arguments and errors as `classify`."""
        answer = self.predict(
            model,
            {IMAGE_INPUT: encode_images(images)},
            signature="embed",
            version=version,
            outputs=("embedding",),
            timeout_seconds=timeout_seconds,
        )
        return answer["embedding"]

    def metadata(self, model: str, *, version: int | None = None) -> ModelMetadata:
        """Return the signatures of a model.

        Raises:
            CallError: as `predict`.
        """
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=_model_spec(model, version), metadata_field=["signature_def"]
        )
        response = self._call(self._prediction.GetModelMetadata, request)
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

    def status(
        self, model: str, *, version: int | None = None, timeout_seconds: float | None = None
    ) -> list[VersionStatus]:
        """Return how the versions of a model stand, newest first, or the one asked for.

        Raises:
            CallError: as `predict`.
        """
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=_model_spec(model, version))
        response = self._call(self._model.GetModelStatus, request, timeout_seconds)
        state_name = get_model_status_pb2.ModelVersionStatus.State.Name
        statuses = [
            VersionStatus(entry.version, state_name(entry.state), entry.status.error_message)
            for entry in response.model_version_status
        ]
        return sorted(statuses, key=lambda status: status.version, reverse=True)

    def wait_until_ready(
        self, model: str, *, version: int | None = None, timeout_seconds: float = 60.0
    ) -> VersionStatus:
        """Wait until a model is available, be the server still starting, and return that version's status.

        Args:
            model: its name.
            version: the one to wait for, which need not be there yet; any by default.
            timeout_seconds: how long.

        Raises:
            NotFoundError: if the server does not have the model; with a `version`, it may still come.
            DeadlineExceededError: if it is not available in time; the message says how it stands.
            CallError: as `predict`.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            remaining = deadline - time.monotonic()
            try:
                statuses = self.status(model, version=version, timeout_seconds=max(remaining, POLL_SECONDS))
                for status in statuses:
                    if status.state == "AVAILABLE":
                        return status
                found = ", ".join(f"version {s.version} {s.state} {s.error}".rstrip() for s in statuses)
            except (UnavailableError, DeadlineExceededError, NotFoundError) as error:
                if version is None and isinstance(error, NotFoundError):
                    raise
                found = str(error)
            if time.monotonic() + POLL_SECONDS > deadline:
                raise DeadlineExceededError(
                    f"{model} is not ready after {timeout_seconds:g} seconds: {found}"
                )
            time.sleep(POLL_SECONDS)

    def _call(self, method: Any, request: Any, timeout_seconds: float | None = None) -> Any:
        try:
            return method(
                request, timeout=self._timeout_seconds if timeout_seconds is None else timeout_seconds
            )
        except grpc.RpcError as error:
            raise error_of_status(error.code().name, f"{self.address}: {error.details()}") from error
        except ValueError as error:
            raise UsageError(f"the call cannot be made: {error}") from error


def _service_config(max_attempts: int, first_backoff_seconds: float) -> str:
    """Return gRPC's own retry policy as it wants it: one attempt is the absence of a policy."""
    config: dict[str, Any] = {"name": [{}]}
    if max_attempts > 1:
        config["retryPolicy"] = {
            "maxAttempts": max_attempts,
            "initialBackoff": f"{first_backoff_seconds:.3f}s",
            "maxBackoff": f"{max(10 * first_backoff_seconds, 1.0):.3f}s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
    return json.dumps({"methodConfig": [config]})


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
