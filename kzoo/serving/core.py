"""All that a server answers, whatever protocol the call came by: messages in, messages or CallErrors out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from google.protobuf.message import Message
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
    status_pb2,
)

from kzoo.serving import inference
from kzoo.serving.admission import Admission
from kzoo.serving.call import Call, CallRecord, Observer, Progress
from kzoo.serving.errors import (
    CallError,
    InternalError,
    InvalidArgumentError,
    ResourceExhaustedError,
    UnavailableError,
)
from kzoo.serving.manager import ModelManager
from kzoo.serving.servable import Servable

SIGNATURE_DEF_FIELD = "signature_def"
_OK_CODE = 0
_UNKNOWN_ERROR_CODE = 2

logger = logging.getLogger(__name__)
Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response")


class ServerCore:
    """Answers calls to the models of a manager, a bounded number at a time.

    Every method takes a request message and the call's deadline, returns the response message, and raises
    CallError and nothing else. Each call that has ended is told to the observers, in the thread that answered
    it; an observer that raises is logged and does no harm to the call.
    """

    def __init__(
        self, manager: ModelManager, admission: Admission, observers: Iterable[Observer] = ()
    ) -> None:
        self._manager = manager
        self._admission = admission
        self._observers = tuple(observers)
        self._idle = threading.Condition()
        self._in_flight = 0
        self._closed = False
        self._last_refusal = 0.0

    def predict(
        self, request: predict_pb2.PredictRequest, call: Call | None = None
    ) -> predict_pb2.PredictResponse:
        """Run one signature on tensors."""
        return self._infer("Predict", request.model_spec, inference.predict, request, call)

    def classify(
        self, request: classification_pb2.ClassificationRequest, call: Call | None = None
    ) -> classification_pb2.ClassificationResponse:
        """Classify tf.Examples."""
        return self._infer("Classify", request.model_spec, inference.classify, request, call)

    def regress(
        self, request: regression_pb2.RegressionRequest, call: Call | None = None
    ) -> regression_pb2.RegressionResponse:
        """Give a value to each of some tf.Examples."""
        return self._infer("Regress", request.model_spec, inference.regress, request, call)

    def multi_inference(
        self, request: inference_pb2.MultiInferenceRequest, call: Call | None = None
    ) -> inference_pb2.MultiInferenceResponse:
        """Classify and regress the same tf.Examples by several signatures of one version."""
        if not request.tasks:
            return self._observed("MultiInference", model_pb2.ModelSpec(), request, _refuse_no_tasks, call)
        spec = request.tasks[0].model_spec
        return self._infer("MultiInference", spec, inference.multi_inference, request, call)

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, call: Call | None = None
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Give the signatures of a version as its SavedModel states them."""

        def answer(progress: Progress) -> get_model_metadata_pb2.GetModelMetadataResponse:
            with self._manager.lease(request.model_spec) as servable:
                progress.version = servable.version
                return _metadata_of(servable, request.metadata_field)

        return self._observed("GetModelMetadata", request.model_spec, request, answer, call)

    def status(
        self, request: get_model_status_pb2.GetModelStatusRequest, call: Call | None = None
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Give the state of each version of a model, newest first, or of the one asked for."""

        def answer(_progress: Progress) -> get_model_status_pb2.GetModelStatusResponse:
            response = get_model_status_pb2.GetModelStatusResponse()
            for status in self._manager.statuses(request.model_spec):
                entry = response.model_version_status.add(
                    version=status.version,
                    state=get_model_status_pb2.ModelVersionStatus.State.Value(status.state),
                )
                entry.status.error_code = _UNKNOWN_ERROR_CODE if status.error else _OK_CODE
                entry.status.error_message = status.error
            return response

        return self._observed("GetModelStatus", request.model_spec, request, answer, call)

    def definition(self, spec: model_pb2.ModelSpec, signature: str) -> meta_graph_pb2.SignatureDef:
        """Return what the SavedModel says of a signature, "serving_default" for none; observers are not told.

        Raises:
            CallError: as `predict`.
        """
        with self._manager.lease(spec) as servable:
            return servable.definitions[servable.signature(signature).name]

    def tell(self, record: CallRecord) -> None:
        """Tell the observers of a call that has ended; those that raise are logged and do no harm."""
        for observer in self._observers:
            try:
                observer(record)
            except Exception:
                logger.exception("an observer of calls failed")

    def reload_config(
        self, request: model_management_pb2.ReloadConfigRequest, call: Call | None = None
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serve other models, versions or labels from now on; answer once they are live."""

        def answer(_progress: Progress) -> model_management_pb2.ReloadConfigResponse:
            self._manager.reload(request.config)
            return model_management_pb2.ReloadConfigResponse(status=status_pb2.StatusProto())

        return self._observed("HandleReloadConfigRequest", model_pb2.ModelSpec(), request, answer, call)

    def close(self) -> None:
        """Answer the calls there are, queued ones included; later ones are UNAVAILABLE."""
        with self._idle:
            self._closed = True
            self._last_refusal = time.monotonic()

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Wait until no call is in flight; False if time ran out before."""
        with self._idle:
            return self._idle.wait_for(lambda: self._in_flight == 0, timeout_seconds)

    def wait_until_quiet(self, seconds: float, timeout_seconds: float) -> None:
        """After `close`, wait until so long no call has come that had to be refused, or time runs out."""
        ends = time.monotonic() + timeout_seconds
        while (quiet := time.monotonic() - self._last_refusal) < seconds and time.monotonic() < ends:
            time.sleep(seconds - quiet)

    def _infer(
        self,
        method: str,
        spec: model_pb2.ModelSpec,
        run: Callable[[Servable, Request, Progress], Response],
        request: Request,
        call: Call | None,
    ) -> Response:
        def answer(progress: Progress) -> Response:
            with (
                self._admission.admit(call or Call()) as seconds,
                self._manager.lease(spec) as servable,
            ):
                progress.queue_seconds = seconds
                progress.version = servable.version
                return run(servable, request, progress)

        return self._observed(method, spec, request, answer, call)

    def _observed(
        self,
        method: str,
        spec: model_pb2.ModelSpec,
        request: Message,
        answer: Callable[[Progress], Response],
        call: Call | None,
    ) -> Response:
        started, progress = time.perf_counter(), Progress()
        response: Response | None = None
        failure: CallError | None = None
        try:
            with self._counted():
                response = answer(progress)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a CallError
            failure = _as_call_error(method, error)
        record = CallRecord(
            method=method,
            model=spec.name,
            version=progress.version,
            signature=progress.signature or spec.signature_name,
            status_code="OK" if failure is None else failure.status,
            error="" if failure is None else str(failure),
            latency_seconds=time.perf_counter() - started,
            batch_size=progress.batch_size,
            queue_seconds=progress.queue_seconds,
            request=request,
            response=response,
            runtime_seconds=progress.runtime_seconds,
        )
        own = call.observer if call is not None else None
        (own or self.tell)(record)
        if failure is not None:
            raise failure
        assert response is not None
        return response

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._idle:
            if self._closed:
                self._last_refusal = time.monotonic()
                raise UnavailableError("the server is about to end")
            self._in_flight += 1
        try:
            yield
        finally:
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()


def _refuse_no_tasks(_progress: Progress) -> NoReturn:
    raise InvalidArgumentError("Inference request with no tasks.")


def _as_call_error(method: str, error: Exception) -> CallError:
    if isinstance(error, CallError):
        return error
    if isinstance(error, MemoryError):
        return ResourceExhaustedError("not enough memory for this call")
    logger.error("%s failed", method, exc_info=error)
    return InternalError(f"{type(error).__name__}: {error}")


def _metadata_of(
    servable: Servable, fields: Iterable[str]
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    asked = list(fields)
    if set(asked) != {SIGNATURE_DEF_FIELD}:
        raise InvalidArgumentError(f"metadata_field must be [{SIGNATURE_DEF_FIELD!r}]; received {asked}")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in servable.definitions.items():
        signatures.signature_def[name].CopyFrom(definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = servable.model
    response.model_spec.version.value = servable.version
    response.metadata[SIGNATURE_DEF_FIELD].Pack(signatures)
    return response
