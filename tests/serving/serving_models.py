"""SavedModels for what the classifier of serving_helpers does not do, and calls by the bare stubs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from kzoo.files import folder_written_aside
from kzoo.serving.tensors import to_array, to_proto

MEGABYTE = 1 << 20


class Calculator(tf.Module):
    """Multiplies; `work` takes its time over it, and refuses rows that are negative."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = tf.Variable(float(factor))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def scale(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, "x must not be negative")]):
            return {"y": x * self.factor}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="x"),
            tf.TensorSpec([None], tf.int32, name="rounds"),
        ]
    )
    def work(self, x: tf.Tensor, rounds: tf.Tensor) -> dict[str, tf.Tensor]:
        matrix = tf.eye(512)
        for _ in tf.range(tf.reduce_max(rounds)):
            matrix = matrix @ tf.eye(512)
        return {"y": x * self.factor * matrix[0, 0]}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="image")])
    def brightness(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"mean": tf.reduce_mean(image, [1, 2, 3]), "doubled": image * 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def distinct(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.unique(x).y}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([2], tf.float32)})["x"]
        labels = tf.constant([["left", "right"]])
        return {"scores": x * self.factor, "classes": tf.repeat(labels, tf.shape(x)[0], axis=0)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([2], tf.float32)})["x"]
        return {"outputs": tf.reduce_sum(x, axis=1, keepdims=True) * self.factor}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def by_name(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": tf.reduce_sum(x, axis=1) * self.factor}


SIGNATURES = ("scale", "work", "brightness", "distinct", "classify", "regress", "by_name")


def write_calculator(folder: Path, factor: float) -> Path:
    model = Calculator(factor)
    signatures = {"serving_default": model.scale, **{name: getattr(model, name) for name in SIGNATURES}}
    with folder_written_aside(folder) as aside:
        tf.saved_model.save(model, str(aside), signatures=signatures)
    return folder


def example(**features: Any) -> tf.train.Example:
    return tf.train.Example(features=tf.train.Features(feature=features))


def floats(*values: float) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


class Stubs:
    """The official stubs over one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(channel)

    def predict(
        self, spec: model_pb2.ModelSpec, timeout: float = 30, **inputs: Any
    ) -> Mapping[str, np.ndarray]:
        response = self.prediction.Predict(predict_request(spec, **inputs), timeout=timeout)
        return {name: to_array(proto, max_bytes=MEGABYTE) for name, proto in response.outputs.items()}

    def scale(self, name: str, x: float = 1, **choice: Any) -> float:
        return float(self.predict(spec_of(name, **choice), x=np.array([x], np.float32))["y"][0])

    def states(self, name: str) -> dict[int, str]:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec_of(name))
        try:
            statuses = self.model.GetModelStatus(request).model_version_status
        except grpc.RpcError:
            return {}
        names = get_model_status_pb2.ModelVersionStatus.State
        return {status.version: names.Name(status.state) for status in statuses}

    def reload(self, text: str) -> None:
        request = model_management_pb2.ReloadConfigRequest()
        text_format.Parse(text, request.config)
        self.model.HandleReloadConfigRequest(request, timeout=60)


def spec_of(
    name: str, signature: str = "", version: int | None = None, label: str | None = None
) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        spec.version.value = version
    if label is not None:
        spec.version_label = label
    return spec


def predict_request(spec: model_pb2.ModelSpec, **inputs: Any) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest(model_spec=spec)
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_proto(np.asarray(value)))
    return request


def classification_request(
    spec: model_pb2.ModelSpec, *examples: tf.train.Example
) -> classification_pb2.ClassificationRequest:
    request = classification_pb2.ClassificationRequest(model_spec=spec)
    request.input.example_list.examples.extend(examples)
    return request


def regression_request(
    spec: model_pb2.ModelSpec, *examples: tf.train.Example
) -> regression_pb2.RegressionRequest:
    request = regression_pb2.RegressionRequest(model_spec=spec)
    request.input.example_list.examples.extend(examples)
    return request


def multi_request(
    tasks: list[tuple[model_pb2.ModelSpec, str]], *examples: tf.train.Example
) -> inference_pb2.MultiInferenceRequest:
    request = inference_pb2.MultiInferenceRequest()
    for spec, method in tasks:
        request.tasks.add(model_spec=spec, method_name=f"tensorflow/serving/{method}")
    request.input.example_list.examples.extend(examples)
    return request
