"""TensorFlow Serving's REST API: its paths, and its statuses as HTTP's."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from kzoo.serving.call import Call, CallRecord
from kzoo.serving.core import SIGNATURE_DEF_FIELD, ServerCore
from kzoo.serving.errors import CallError, InvalidArgumentError
from kzoo.serving.http_server import Request, Response
from kzoo.serving.rest_request import read_examples, read_predict
from kzoo.serving.rest_response import (
    write_classify,
    write_error,
    write_metadata,
    write_predict,
    write_regress,
    write_status,
)
from kzoo.serving.versions import MAX_VERSION

PREFIX = "/v1/"
TIMEOUT_SECONDS = 30.0  # TensorFlow Serving's own, for HTTP has no deadlines
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
    """Answers requests below /v1/ by a server's core, and tells its observers of each call as a whole."""

    def __init__(self, core: ServerCore, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._core = core
        self._timeout_seconds = timeout_seconds
        self._answers: dict[str, Callable[[model_pb2.ModelSpec, bytes, Call], str]] = {
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
            "metadata": self._metadata,
            "status": self._status,
        }

    def __call__(self, request: Request) -> Response:
        """Return the answer, or the error as JSON with the status that TensorFlow Serving gives it."""
        records: list[CallRecord] = []
        call = Call(self._timeout_seconds, records.append)
        asked = Asked(model_pb2.ModelSpec(), "")
        failure: CallError | None = None
        try:
            asked = read_path(request.method, request.path)
            body = self._answers[asked.method](asked.spec, request.body, call).encode("utf-8")
        except CallError as error:
            failure = error
        seconds = time.perf_counter() - request.arrival
        self._core.tell(_record_of(asked, failure, seconds, records))
        if failure is not None:
            return error_response(failure)
        return Response(200, body, headers=[("Server-Timing", f"total;dur={seconds * 1000:.3f}")])

    def _predict(self, spec: model_pb2.ModelSpec, body: bytes, call: Call) -> str:
        request = predict_pb2.PredictRequest(model_spec=spec)
        layout = read_predict(body, request, lambda name: self._core.definition(spec, name))
        return write_predict(self._core.predict(request, call).outputs, layout)

    def _classify(self, spec: model_pb2.ModelSpec, body: bytes, call: Call) -> str:
        request = classification_pb2.ClassificationRequest(model_spec=spec)
        read_examples(body, request)
        return write_classify(self._core.classify(request, call))

    def _regress(self, spec: model_pb2.ModelSpec, body: bytes, call: Call) -> str:
        request = regression_pb2.RegressionRequest(model_spec=spec)
        read_examples(body, request)
        return write_regress(self._core.regress(request, call))

    def _metadata(self, spec: model_pb2.ModelSpec, body: bytes, call: Call) -> str:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=spec, metadata_field=[SIGNATURE_DEF_FIELD]
        )
        return write_metadata(self._core.metadata(request, call))

    def _status(self, spec: model_pb2.ModelSpec, body: bytes, call: Call) -> str:
        return write_status(
            self._core.status(get_model_status_pb2.GetModelStatusRequest(model_spec=spec), call)
        )


def _record_of(
    asked: Asked, failure: CallError | None, seconds: float, records: Sequence[CallRecord]
) -> CallRecord:
    """Join what the core told of a call, if it came that far, and what became of it as a whole."""
    inner = records[-1] if records else None
    return CallRecord(
        method=asked.method,
        model=asked.spec.name,
        version=inner.version if inner else None,
        signature=inner.signature if inner else "",
        status_code="OK" if failure is None else failure.status,
        error="" if failure is None else str(failure),
        latency_seconds=seconds,
        batch_size=inner.batch_size if inner else 0,
        queue_seconds=inner.queue_seconds if inner else 0.0,
        request=inner.request if inner else None,
        response=inner.response if inner and failure is None else None,
        runtime_seconds=inner.runtime_seconds if inner else 0.0,
        entrypoint="REST",
    )


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
