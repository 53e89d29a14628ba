"""The gRPC methods: each hands its request to the core, and a CallError back as a status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from kzoo.serving.call import Call
from kzoo.serving.core import ServerCore
from kzoo.serving.errors import CallError

MAX_DETAILS = 2000  # characters; a status travels in a header, which gRPC bounds at 8 KiB
_NO_DEADLINE_SECONDS = 1e8  # gRPC states a far time where a caller states none


def add_services(core: ServerCore, server: grpc.Server) -> None:
    """Have a gRPC server answer TensorFlow Serving's two services by the core."""
    prediction = prediction_service_pb2_grpc.PredictionServiceServicer()
    model = model_service_pb2_grpc.ModelServiceServicer()
    for name, answer in (
        ("Predict", core.predict),
        ("Classify", core.classify),
        ("Regress", core.regress),
        ("MultiInference", core.multi_inference),
        ("GetModelMetadata", core.metadata),
    ):
        setattr(prediction, name, _method(answer))
    model.GetModelStatus = _method(core.status)
    model.HandleReloadConfigRequest = _method(core.reload_config)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(model, server)


def _method(answer: Callable[[Any, Call], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    def method(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return answer(request, _call_of(context))
        except CallError as error:
            _abort(context, error)

    return method


def _call_of(context: grpc.ServicerContext) -> Call:
    remaining = context.time_remaining()
    call = Call(None if remaining is None or remaining > _NO_DEADLINE_SECONDS else remaining)
    if not context.add_callback(call.cancel):  # it has ended already
        call.cancel()
    return call


def _abort(context: grpc.ServicerContext, error: CallError) -> NoReturn:
    context.abort(grpc.StatusCode[error.status], str(error)[:MAX_DETAILS])
    raise AssertionError("abort returned")
