"""The gRPC methods: requests in, answers or statuses out; no error of a call gets further than here."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kzoo.serving.errors import CallError, InvalidArgumentError, ResourceExhaustedError
from kzoo.serving.manager import ModelManager, asked_version

SIGNATURE_DEF_FIELD = "signature_def"
MAX_DETAILS = 2000  # characters; a status travels in a header, which gRPC bounds at 8 KiB
_UNKNOWN_ERROR_CODE = 2

logger = logging.getLogger(__name__)
Request = TypeVar("Request")
Response = TypeVar("Response")


class Admission:
    """Lets a bounded number of calls in, and refuses the rest at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = threading.BoundedSemaphore(limit)

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Take a place until the block ends.

        Raises:
            ResourceExhaustedError: if all places are taken.
        """
        if not self._free.acquire(blocking=False):
            raise ResourceExhaustedError(f"{self._limit} calls are being answered already, the most allowed")
        try:
            yield
        finally:
            self._free.release()


def _with_status(
    method: Callable[[Any, Request, grpc.ServicerContext], Response],
) -> Callable[[Any, Request, grpc.ServicerContext], Response]:
    """End a method that raises with the status of the error; what was not foreseen is logged and INTERNAL."""

    @functools.wraps(method)
    def answer(self: Any, request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return method(self, request, context)
        except CallError as error:
            _abort(context, error.status, str(error))
        except MemoryError:
            _abort(context, "RESOURCE_EXHAUSTED", "not enough memory for this call")
        except Exception as error:
            logger.exception("%s failed", method.__qualname__)
            _abort(context, "INTERNAL", f"{type(error).__name__}: {error}")

    return answer


def _abort(context: grpc.ServicerContext, status: str, message: str) -> NoReturn:
    context.abort(grpc.StatusCode[status], message[:MAX_DETAILS])
    raise AssertionError("abort returned")


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata of TensorFlow Serving."""

    def __init__(self, manager: ModelManager, admission: Admission) -> None:
        self._manager = manager
        self._admission = admission

    @_with_status
    def Predict(  # noqa: N802
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Run one signature."""
        with self._admission.admit(), self._manager.lease(request.model_spec) as servable:
            return servable.predict(request)

    @_with_status
    def GetModelMetadata(  # noqa: N802
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Give the signatures of a version as its SavedModel states them."""
        if set(request.metadata_field) != {SIGNATURE_DEF_FIELD}:
            raise InvalidArgumentError(
                f"metadata_field must be [{SIGNATURE_DEF_FIELD!r}]; received {list(request.metadata_field)}"
            )
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self._manager.lease(request.model_spec) as servable:
            for name, definition in servable.definitions.items():
                signatures.signature_def[name].CopyFrom(definition)
            response.model_spec.name = servable.model
            response.model_spec.version.value = servable.version
        response.metadata[SIGNATURE_DEF_FIELD].Pack(signatures)
        return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus of TensorFlow Serving."""

    def __init__(self, manager: ModelManager) -> None:
        self._manager = manager

    @_with_status
    def GetModelStatus(  # noqa: N802
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Give the state of each version of a model, or of the one asked for."""
        spec: model_pb2.ModelSpec = request.model_spec
        response = get_model_status_pb2.GetModelStatusResponse()
        for status in self._manager.statuses(spec.name, asked_version(spec)):
            entry = response.model_version_status.add(
                version=status.version,
                state=get_model_status_pb2.ModelVersionStatus.State.Value(status.state),
            )
            if status.error:
                entry.status.error_code = _UNKNOWN_ERROR_CODE
                entry.status.error_message = status.error
        return response
