"""What server reflection tells of the services.

tensorflow-serving-api 2.19 describes its two services in modules that protobuf 6 cannot import, although
their messages and stubs can be. So the services are described here, from the messages, in a descriptor pool
of their own: the same with every version of that package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

PACKAGE = "tensorflow.serving"
HEALTH_SERVICE = "grpc.health.v1.Health"
REFLECTION_SERVICE = "grpc.reflection.v1alpha.ServerReflection"

Methods = Mapping[str, tuple[type[Any], type[Any]]]

_PREDICTION_METHODS: Methods = {
    "Classify": (classification_pb2.ClassificationRequest, classification_pb2.ClassificationResponse),
    "Regress": (regression_pb2.RegressionRequest, regression_pb2.RegressionResponse),
    "Predict": (predict_pb2.PredictRequest, predict_pb2.PredictResponse),
    "MultiInference": (inference_pb2.MultiInferenceRequest, inference_pb2.MultiInferenceResponse),
    "GetModelMetadata": (
        get_model_metadata_pb2.GetModelMetadataRequest,
        get_model_metadata_pb2.GetModelMetadataResponse,
    ),
}
_MODEL_METHODS: Methods = {
    "GetModelStatus": (
        get_model_status_pb2.GetModelStatusRequest,
        get_model_status_pb2.GetModelStatusResponse,
    ),
    "HandleReloadConfigRequest": (
        model_management_pb2.ReloadConfigRequest,
        model_management_pb2.ReloadConfigResponse,
    ),
}

SERVICE_NAMES = (
    f"{PACKAGE}.PredictionService",
    f"{PACKAGE}.ModelService",
    HEALTH_SERVICE,
    REFLECTION_SERVICE,
)


def service_pool() -> descriptor_pool.DescriptorPool:
    """Return a pool that describes all services of SERVICE_NAMES and every message they use."""
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()
    for file in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        _copy_file(file, pool, added)
    for service, methods in (("PredictionService", _PREDICTION_METHODS), ("ModelService", _MODEL_METHODS)):
        for message in (message for pair in methods.values() for message in pair):
            _copy_file(message.DESCRIPTOR.file, pool, added)
        pool.Add(_service_file(service, methods))
    return pool


def _copy_file(file: Any, pool: descriptor_pool.DescriptorPool, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        _copy_file(dependency, pool, added)
    pool.AddSerializedFile(file.serialized_pb)


def _service_file(service: str, methods: Methods) -> descriptor_pb2.FileDescriptorProto:
    """Return the content of TensorFlow Serving's prediction_service.proto or model_service.proto."""
    snake_case = service.replace("Service", "_service").lower()
    file = descriptor_pb2.FileDescriptorProto(
        name=f"tensorflow_serving/apis/{snake_case}.proto", package=PACKAGE, syntax="proto3"
    )
    messages = [message.DESCRIPTOR for pair in methods.values() for message in pair]
    file.dependency.extend(sorted({message.file.name for message in messages}))
    description = file.service.add(name=service)
    for name, (request, response) in methods.items():
        description.method.add(
            name=name,
            input_type=f".{request.DESCRIPTOR.full_name}",
            output_type=f".{response.DESCRIPTOR.full_name}",
        )
    return file
