"""The four ways of asking a loaded model: requests in, answers out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from kzoo.serving.call import Progress
from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.examples import arrays_of, classifications, examples_of, regressions
from kzoo.serving.servable import Servable
from kzoo.serving.signature import Signature
from kzoo.serving.tensors import to_proto

CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"


def predict(
    servable: Servable, request: predict_pb2.PredictRequest, progress: Progress
) -> predict_pb2.PredictResponse:
    """Run one signature on tensors; the request's model name is not looked at, here and below.

    Raises:
        CallError: as `Signature.read` and `Signature.run`, or for a signature that is not there.
    """
    signature = _signature(servable, request.model_spec, progress)
    wanted = signature.wanted(request.output_filter)
    run = signature.run(signature.read(request.inputs), progress)
    response = predict_pb2.PredictResponse()
    _state(response.model_spec, servable, signature)
    for name in wanted:
        response.outputs[name].CopyFrom(to_proto(run[name]))
    return response


def classify(
    servable: Servable, request: classification_pb2.ClassificationRequest, progress: Progress
) -> classification_pb2.ClassificationResponse:
    """Classify tf.Examples by one signature.

    Raises:
        CallError: as `predict`, and as the functions of kzoo.serving.examples.
    """
    signature = _signature(servable, request.model_spec, progress)
    examples = examples_of(request.input)
    outputs = _run_on_examples(signature, examples, progress)
    response = classification_pb2.ClassificationResponse(result=classifications(outputs, len(examples)))
    _state(response.model_spec, servable, signature)
    return response


def regress(
    servable: Servable, request: regression_pb2.RegressionRequest, progress: Progress
) -> regression_pb2.RegressionResponse:
    """Give a value to each of some tf.Examples by one signature.

    Raises:
        CallError: as `classify`.
    """
    signature = _signature(servable, request.model_spec, progress)
    examples = examples_of(request.input)
    outputs = _run_on_examples(signature, examples, progress)
    response = regression_pb2.RegressionResponse(result=regressions(outputs, len(examples)))
    _state(response.model_spec, servable, signature)
    return response


def multi_inference(
    servable: Servable, request: inference_pb2.MultiInferenceRequest, progress: Progress
) -> inference_pb2.MultiInferenceResponse:
    """Answer one task or more, each a classification or a regression, for the same tf.Examples.

    Raises:
        CallError: as `classify`; InvalidArgumentError for tasks for several models or versions,
            another method, or a signature asked twice.
    """
    _check_tasks(request.tasks)
    examples = examples_of(request.input)
    response = inference_pb2.MultiInferenceResponse()
    for task in request.tasks:
        signature = _signature(servable, task.model_spec, progress)
        outputs = _run_on_examples(signature, examples, progress)
        result = response.results.add()
        _state(result.model_spec, servable, signature)
        if task.method_name == CLASSIFY_METHOD:
            result.classification_result.CopyFrom(classifications(outputs, len(examples)))
        else:
            result.regression_result.CopyFrom(regressions(outputs, len(examples)))
    return response


def _check_tasks(tasks: Sequence[inference_pb2.InferenceTask]) -> None:
    first = _without_signature(tasks[0].model_spec)
    if any(_without_signature(task.model_spec) != first for task in tasks):
        raise InvalidArgumentError("All ModelSpecs in a MultiInferenceRequest must access the same model.")
    methods = (CLASSIFY_METHOD, REGRESS_METHOD)
    for task in tasks:
        if task.method_name not in methods:
            raise InvalidArgumentError(f"method_name must be one of {methods}; received {task.method_name!r}")
    signatures = [task.model_spec.signature_name for task in tasks]
    if len(set(signatures)) < len(signatures):
        raise InvalidArgumentError(f"Duplicate evaluation of signature: {signatures}")


def _without_signature(spec: model_pb2.ModelSpec) -> model_pb2.ModelSpec:
    without = model_pb2.ModelSpec()
    without.CopyFrom(spec)
    without.ClearField("signature_name")
    return without


def _signature(servable: Servable, spec: model_pb2.ModelSpec, progress: Progress) -> Signature:
    signature = servable.signature(spec.signature_name)
    progress.signature = f"{progress.signature},{signature.name}" if progress.signature else signature.name
    return signature


def _run_on_examples(
    signature: Signature, examples: Sequence[example_pb2.Example], progress: Progress
) -> dict[str, np.ndarray]:
    arrays = arrays_of(examples, signature.inputs, max_bytes=signature.limits.max_tensor_bytes)
    return signature.run(signature.checked(arrays), progress)


def _state(spec: model_pb2.ModelSpec, servable: Servable, signature: Signature) -> None:
    """Write down which version and signature answered."""
    spec.name = servable.model
    spec.version.value = servable.version
    spec.signature_name = signature.name
