"""TensorFlow Serving's REST API: its paths, and its statuses as HTTP's."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from kzoo.serving.errors import CallError, InvalidArgumentError
from kzoo.serving.http_server import Request, Response
from kzoo.serving.rest_request import read_examples, read_predict
from kzoo.serving.rest_response import (
    SIGNATURE_DEF_FIELD,
    write_classify,
    write_error,
    write_metadata,
    write_predict,
    write_regress,
    write_status,
)
from kzoo.serving.servable import DEFAULT_SIGNATURE
from kzoo.serving.versions import MAX_VERSION

PREFIX = "/v1/"
_MODEL = r"/v1/models/(?P<model>[^/:]+)"
_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(rf"{_MODEL}{_VERSION}:(?P<method>classify|regress|predict)", re.IGNORECASE | re.ASCII)
_LOOK = re.compile(
    rf"/v1/models(?:/(?P<model>[^/:]+))?{_VERSION}(?:/(?P<method>metadata))?", re.IGNORECASE | re.ASCII
)
_HTTP_OF_STATUS = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "UNAUTHENTICATED": 401,
}

logger = logging.getLogger(__name__)


class Calls(Protocol):
    """What the API asks of a server; each raises CallError."""

    def predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        """Run a signature."""

    def classify(
        self, request: classification_pb2.ClassificationRequest
    ) -> classification_pb2.ClassificationResponse:
        """Classify examples."""

    def regress(self, request: regression_pb2.RegressionRequest) -> regression_pb2.RegressionResponse:
        """Give a value for each example."""

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Give a version's signatures."""

    def status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Say how versions stand."""


@dataclass(frozen=True)
class Asked:
    """What a path asks for.

    Attributes:
        spec: the model, and its version or label.
        method: "predict", "classify", "regress", "metadata" or "status".
    """

    spec: model_pb2.ModelSpec
    method: str


class RestApi:
    """Answers requests below /v1/."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._answers: dict[str, Callable[[model_pb2.ModelSpec, bytes], str]] = {
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
            "metadata": self._metadata,
            "status": self._status,
        }

    def __call__(self, request: Request) -> Response:
        """Return the answer, or the error as JSON with the status that TensorFlow Serving gives it."""
        try:
            asked = read_path(request.method, request.path)
            body = self._answers[asked.method](asked.spec, request.body)
        except CallError as error:
            return error_response(error)
        milliseconds = (time.perf_counter() - request.arrival) * 1000
        return Response(
            200, body.encode("utf-8"), headers=[("Server-Timing", f"total;dur={milliseconds:.3f}")]
        )

    def _predict(self, spec: model_pb2.ModelSpec, body: bytes) -> str:
        request = predict_pb2.PredictRequest(model_spec=spec)
        layout = read_predict(body, request, lambda name: self._signature(spec, name))
        return write_predict(self._calls.predict(request).outputs, layout)

    def _classify(self, spec: model_pb2.ModelSpec, body: bytes) -> str:
        request = classification_pb2.ClassificationRequest(model_spec=spec)
        read_examples(body, request)
        return write_classify(self._calls.classify(request))

    def _regress(self, spec: model_pb2.ModelSpec, body: bytes) -> str:
        request = regression_pb2.RegressionRequest(model_spec=spec)
        read_examples(body, request)
        return write_regress(self._calls.regress(request))

    def _metadata(self, spec: model_pb2.ModelSpec, body: bytes) -> str:
        return write_metadata(self._get_metadata(spec))

    def _status(self, spec: model_pb2.ModelSpec, body: bytes) -> str:
        return write_status(self._calls.status(get_model_status_pb2.GetModelStatusRequest(model_spec=spec)))

    def _get_metadata(self, spec: model_pb2.ModelSpec) -> get_model_metadata_pb2.GetModelMetadataResponse:
        return self._calls.metadata(
            get_model_metadata_pb2.GetModelMetadataRequest(
                model_spec=spec, metadata_field=[SIGNATURE_DEF_FIELD]
            )
        )

    def _signature(self, spec: model_pb2.ModelSpec, name: str) -> meta_graph_pb2.SignatureDef:
        signatures = get_model_metadata_pb2.SignatureDefMap()
        self._get_metadata(spec).metadata[SIGNATURE_DEF_FIELD].Unpack(signatures)
        chosen = name or DEFAULT_SIGNATURE
        if chosen not in signatures.signature_def:
            raise InvalidArgumentError(f'Serving signature name: "{chosen}" not found in signature def')
        return signatures.signature_def[chosen]


def read_path(method: str, path: str) -> Asked:
    """Say what a method and a path below /v1/ ask for; its words may be in either case.

    Args:
        method: as "GET".
        path: percent-encoded.

    Raises:
        InvalidArgumentError: if they ask for nothing that there is.
    """
    pattern = {"POST": _CALL, "GET": _LOOK, "HEAD": _LOOK}.get(method)
    match = pattern.fullmatch(path) if pattern is not None else None
    if match is None:
        raise InvalidArgumentError(f"Malformed request: {method} {path}")
    if not match["model"]:
        raise InvalidArgumentError("Missing model name in request.")
    spec = model_pb2.ModelSpec(name=_decoded(match["model"]))
    if match["version"]:
        if int(match["version"]) > MAX_VERSION:
            raise InvalidArgumentError(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(match["version"])
    if match["label"]:
        spec.version_label = _decoded(match["label"])
    return Asked(spec, (match["method"] or "status").lower())


def error_response(error: CallError) -> Response:
    """Return a refusal as TensorFlow Serving writes it."""
    body = write_error(str(error)).encode("utf-8", "replace")
    return Response(_HTTP_OF_STATUS.get(error.status, 500), body)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(f"Failed to decode model name:{text}") from error
