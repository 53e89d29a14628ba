"""Classify, Regress and MultiInference of a real server, by the official stubs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from serving_helpers import WARM_UP
from serving_models import (
    Stubs,
    classification_request,
    example,
    floats,
    multi_request,
    regression_request,
    spec_of,
    write_calculator,
)
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kzoo.serving import ServerConfig, serve
from kzoo.serving.config import InputLimits
from kzoo.serving.errors import FailedPreconditionError
from kzoo.serving.loading import load

EXAMPLES = [example(x=floats(0.25, 0.5)), example(x=floats(1, 2))]


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubs]:
    base = tmp_path_factory.mktemp("models")
    write_calculator(base / "calculator" / "1", factor=2)
    write_calculator(base / "calculator" / "2", factor=4)
    with serve(ServerConfig(base, port=0, latest_versions=2)) as server:
        assert server.wait_until_loaded(60)
        with grpc.insecure_channel(server.address) as channel:
            yield Stubs(channel)


def test_classify_gives_the_classes_of_each_example(stubs: Stubs) -> None:
    response = stubs.prediction.Classify(
        classification_request(spec_of("calculator", "classify", 1), *EXAMPLES)
    )
    rows = [[(one.label, one.score) for one in row.classes] for row in response.result.classifications]
    assert rows == [[("left", 0.5), ("right", 1)], [("left", 2), ("right", 4)]]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("calculator", 1, "classify")


@pytest.mark.parametrize("signature", ["regress", "by_name"])
def test_regress_gives_a_value_to_each_example(stubs: Stubs, signature: str) -> None:
    response = stubs.prediction.Regress(regression_request(spec_of("calculator", signature), *EXAMPLES))
    assert [one.value for one in response.result.regressions] == [3, 12]
    assert response.model_spec.version.value == 2


def test_multi_inference_answers_each_task_by_one_version(stubs: Stubs) -> None:
    spec = {name: spec_of("calculator", name, 1) for name in ("classify", "regress", "by_name")}
    tasks = [(spec["regress"], "regress"), (spec["classify"], "classify"), (spec["by_name"], "regress")]
    response = stubs.prediction.MultiInference(multi_request(tasks, *EXAMPLES))
    regression, classification, by_name = response.results
    assert [one.value for one in regression.regression_result.regressions] == [1.5, 6]
    assert [one.value for one in by_name.regression_result.regressions] == [1.5, 6]
    assert classification.classification_result.classifications[1].classes[1].score == 4
    names = [result.model_spec.signature_name for result in response.results]
    assert names == ["regress", "classify", "by_name"]


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([], "no tasks"),
        ([("a", "regress", "regress"), ("b", "classify", "classify")], "must access the same model"),
        ([("calculator", "regress", "predict")], "received 'tensorflow/serving/predict'"),
        ([("calculator", "regress", "regress")] * 2, "Duplicate evaluation of signature"),
    ],
)
def test_tasks_that_do_not_fit_together_are_refused(
    stubs: Stubs, tasks: list[tuple[str, str, str]], said: str
) -> None:
    request = multi_request([(spec_of(model, name), method) for model, name, method in tasks], *EXAMPLES)
    if tasks:
        request.tasks[0].model_spec.name = "calculator"
    with pytest.raises(grpc.RpcError) as caught:
        stubs.prediction.MultiInference(request)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert said in caught.value.details()


@pytest.mark.parametrize(
    ("signature", "examples", "code", "said"),
    [
        ("classify", [], "INVALID_ARGUMENT", "Input is empty."),
        ("classify", [example(y=floats(1))], "INVALID_ARGUMENT", "x"),
        ("by_name", [example(x=floats(1))], "INVALID_ARGUMENT", "needs 2 values; received 1"),
        ("score", EXAMPLES, "INVALID_ARGUMENT", '"score" not found'),
        ("regress", EXAMPLES, "FAILED_PRECONDITION", "Classify needs the output"),
        ("brightness", EXAMPLES, "FAILED_PRECONDITION", "an Example cannot give the input 'image'"),
    ],
)
def test_what_cannot_be_classified_is_refused(
    stubs: Stubs, signature: str, examples: list[object], code: str, said: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stubs.prediction.Classify(classification_request(spec_of("calculator", signature), *examples))
    assert caught.value.code() == grpc.StatusCode[code]
    assert said in caught.value.details()


def test_a_version_that_is_not_there_is_not_found(stubs: Stubs) -> None:
    for method, request in (
        (stubs.prediction.Classify, classification_request(spec_of("calculator", version=9), *EXAMPLES)),
        (stubs.prediction.Regress, regression_request(spec_of("huge"), *EXAMPLES)),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            method(request)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_warm_up_records_of_every_method_are_answered(tmp_path: Path) -> None:
    folder = write_calculator(tmp_path / "1", factor=2)
    classify, regress, multi = PredictionLog(), PredictionLog(), PredictionLog()
    classify.classify_log.request.CopyFrom(classification_request(spec_of("m", "classify"), *EXAMPLES))
    regress.regress_log.request.CopyFrom(regression_request(spec_of("m", "regress"), *EXAMPLES))
    tasks = [(spec_of("m", "regress"), "regress")]
    multi.multi_inference_log.request.CopyFrom(multi_request(tasks, *EXAMPLES))
    (folder / WARM_UP).parent.mkdir()
    with tf.io.TFRecordWriter(str(folder / WARM_UP)) as writer:
        for log in (classify, regress, multi):
            writer.write(log.SerializeToString())
    assert load("m", 1, folder, InputLimits(1 << 20, 8, 1 << 20)).version == 1
    regress.regress_log.request.model_spec.signature_name = "classify"
    with tf.io.TFRecordWriter(str(folder / WARM_UP)) as writer:
        writer.write(regress.SerializeToString())
    with pytest.raises(FailedPreconditionError, match="Regress needs the output"):
        load("m", 1, folder, InputLimits(1 << 20, 8, 1 << 20))
