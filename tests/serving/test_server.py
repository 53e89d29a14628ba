"""The server in its own process, asked over gRPC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_helpers import CLASSES, SIZE, ServerProcess, png, strings
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kzoo.serving import Client
from kzoo.serving.errors import (
    DeadlineExceededError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
)
from kzoo.serving.tensors import TensorSpec, to_proto

IMAGES = np.random.default_rng(0).uniform(0, 255, (5, SIZE, SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def channel(server: ServerProcess, client: Client) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel: grpc.Channel) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.mark.parametrize("version", [1, 2])
def test_answers_are_those_of_the_savedmodel_in_process(
    client: Client, in_process: dict[int, Any], version: int
) -> None:
    inputs = {
        "serving_default": {"image_bytes": strings(png(1), png(2, (20, 30)))},
        "embed": {"image_bytes": strings(png(3))},
        "serving_tensor": {"image": IMAGES},
    }
    for signature, arrays in inputs.items():
        expected = in_process[version].signatures[signature](**arrays)
        answer = client.predict("tiny", arrays, signature=signature, version=version)
        assert answer.keys() == expected.keys()
        for name, array in answer.items():
            theirs = expected[name].numpy()
            assert array.dtype == theirs.dtype
            assert array.shape == theirs.shape
            assert array.tolist() == theirs.tolist()


def test_the_newest_version_is_asked_by_default(client: Client) -> None:
    newest, first, second = (
        client.predict("tiny", {"image": IMAGES}, signature="serving_tensor", version=version)
        for version in (None, 1, 2)
    )
    assert newest["probabilities"].tolist() == second["probabilities"].tolist()
    assert newest["probabilities"].tolist() != first["probabilities"].tolist()


def test_only_the_outputs_asked_for_come_back(client: Client) -> None:
    answer = client.predict("tiny", {"image": IMAGES}, signature="serving_tensor", outputs=["scores"])
    assert list(answer) == ["scores"]
    assert answer["scores"].shape == (5, 2)


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_strings_and_flags_of_any_shape_come_back(client: Client, shape: tuple[int, ...]) -> None:
    text = np.full(shape, b"\0bytes\0", object)
    flags = np.array([[True, False], [False, True]])
    answer = client.predict("tiny", {"text": text, "flags": flags}, signature="echo")
    assert answer["text"].tolist() == text.tolist()
    assert answer["text"].shape == shape
    assert answer["flags"].tolist() == flags.tolist()


def test_metadata_states_the_signatures(client: Client) -> None:
    metadata = client.metadata("tiny")
    assert (metadata.name, metadata.version) == ("tiny", 2)
    assert client.metadata("tiny", version=1).version == 1
    assert {"serving_default", "serving_tensor", "embed", "echo", "slow"} <= metadata.signatures.keys()
    signature = metadata.signatures["serving_tensor"]
    assert signature.inputs == {"image": TensorSpec("float32", (None, SIZE, SIZE, 3))}
    assert signature.outputs["probabilities"] == TensorSpec("float32", (None, len(CLASSES)))
    assert signature.outputs["classes"].dtype == "string"


def test_metadata_needs_the_field_that_there_is(stub: Any) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["graph"])
    request.model_spec.name = "tiny"
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetModelMetadata(request)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "signature_def" in caught.value.details()


def test_status_lists_the_versions_newest_first(client: Client) -> None:
    statuses = client.status("tiny")
    assert [(status.version, status.state, status.error) for status in statuses] == [
        (2, "AVAILABLE", ""),
        (1, "AVAILABLE", ""),
    ]
    assert client.status("tiny", version=1) == statuses[1:]
    with pytest.raises(NotFoundError, match="version 7 of model tiny"):
        client.status("tiny", version=7)
    with pytest.raises(NotFoundError, match="model huge"):
        client.status("huge")


def test_warm_up_records_were_answered(client: Client, server: ServerProcess) -> None:
    assert "tiny version 2: warmed up by 2 records" in server.log.read_text()


def test_health_is_told_for_the_server_and_each_model(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "tiny"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(health_pb2.HealthCheckRequest(service="huge"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_describes_every_service(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    ask = reflection_pb2.ServerReflectionRequest
    (listed,) = stub.ServerReflectionInfo(iter([ask(list_services="")]))
    names = {service.name for service in listed.list_services_response.service}
    assert names == {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    pool = descriptor_pool.DescriptorPool()
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    for answer in stub.ServerReflectionInfo(iter([ask(file_containing_symbol=name) for name in names])):
        for content in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(content)
            files[file.name] = file
    added: set[str] = set()

    def add(name: str) -> None:
        if name not in added:
            added.add(name)
            for dependency in files[name].dependency:
                add(dependency)
            pool.Add(files[name])

    for name in files:
        add(name)
    predict = pool.FindServiceByName("tensorflow.serving.PredictionService").methods_by_name["Predict"]
    assert "output_filter" in predict.input_type.fields_by_name
    assert predict.output_type.full_name == "tensorflow.serving.PredictResponse"
    status = pool.FindServiceByName("tensorflow.serving.ModelService").methods_by_name["GetModelStatus"]
    assert status.output_type.full_name == "tensorflow.serving.GetModelStatusResponse"
    assert "Check" in pool.FindServiceByName("grpc.health.v1.Health").methods_by_name


WRONG_REQUESTS: dict[str, tuple[dict[str, np.ndarray], dict[str, Any], list[str]]] = {
    "unknown signature": (
        {"image": IMAGES},
        {"signature": "score"},
        ['"score" not found', "serving_tensor"],
    ),
    "unknown output": (
        {"image": IMAGES},
        {"signature": "serving_tensor", "outputs": ["logits"]},
        ["{logits}", "{classes, probabilities, scores}"],
    ),
    "unknown input": (
        {"picture": IMAGES},
        {"signature": "serving_tensor"},
        ["image: float32 [?, 8, 8, 3]", "{picture}"],
    ),
    "one input too many": (
        {"image": IMAGES, "mask": IMAGES},
        {"signature": "serving_tensor"},
        ["{image, mask}"],
    ),
    "no input": ({}, {}, ["image_bytes: string [?]", "received {}"]),
    "wrong dtype": (
        {"image": IMAGES.astype(np.float64)},
        {"signature": "serving_tensor"},
        ["'image'", "float32 [?, 8, 8, 3]", "float64 [5, 8, 8, 3]"],
    ),
    "wrong size": (
        {"image": IMAGES[:, :4]},
        {"signature": "serving_tensor"},
        ["float32 [?, 8, 8, 3]", "float32 [5, 4, 8, 3]"],
    ),
    "wrong rank": ({"image": IMAGES[0]}, {"signature": "serving_tensor"}, ["float32 [8, 8, 3]"]),
    "numbers for strings": ({"image_bytes": IMAGES}, {}, ["string [?]", "float32 [5, 8, 8, 3]"]),
}


@pytest.mark.parametrize("case", WRONG_REQUESTS)
def test_a_request_that_does_not_fit_is_told_what_would(client: Client, case: str) -> None:
    inputs, options, said = WRONG_REQUESTS[case]
    with pytest.raises(InvalidArgumentError) as caught:
        client.predict("tiny", inputs, **options)
    for words in said:
        assert words in str(caught.value)


def test_unknown_models_versions_and_labels_are_told_apart(client: Client, stub: Any) -> None:
    with pytest.raises(NotFoundError, match=r"Latest\(huge\)"):
        client.predict("huge", {"image": IMAGES})
    with pytest.raises(NotFoundError, match=r"Latest\(tinny\); did you mean tiny\?"):
        client.predict("tinny", {"image": IMAGES})
    with pytest.raises(NotFoundError, match="model tinny; did you mean tiny"):
        client.status("tinny")
    with pytest.raises(NotFoundError, match=r"Specific\(tiny, 7\); live: \[1, 2\]"):
        client.predict("tiny", {"image": IMAGES}, version=7)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "tiny"
    request.model_spec.version_label = "stable"
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "label: stable" in caught.value.details()


@pytest.mark.parametrize(
    "broken", [b"", b"no image", png(1)[:40], png(1)[:-30], b"\xff\xd8\xff" + bytes(200), bytes(10000)]
)
def test_an_image_that_cannot_be_decoded_is_named_by_its_row(client: Client, broken: bytes) -> None:
    images = strings(png(1), png(2), broken, png(3))
    with pytest.raises(InvalidArgumentError, match=r"rows \[2\] of a batch of 4") as caught:
        client.predict("tiny", {"image_bytes": images})
    assert not re.search(r"\{\{|Graph execution|stack trace", str(caught.value))
    assert len(client.classify("tiny", [png(1)])) == 1


def test_a_message_above_the_limit_is_refused(client: Client) -> None:
    with pytest.raises(ResourceExhaustedError, match="larger than max"):
        client.predict("tiny", {"image_bytes": strings(bytes(2 << 20))})


def test_a_shape_that_asks_for_all_memory_is_refused(stub: Any) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "tiny"
    request.model_spec.signature_name = "serving_tensor"
    image = request.inputs["image"]
    image.dtype = types_pb2.DT_FLOAT
    image.float_val.append(1.0)
    for size in (1 << 40, SIZE, SIZE, 3):
        image.tensor_shape.dim.add(size=size)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "at most 1048576 bytes" in caught.value.details()


def test_a_call_ends_at_its_deadline(client: Client) -> None:
    with pytest.raises(DeadlineExceededError):
        client.predict("tiny", {"rounds": np.int32(300)}, signature="slow", timeout_seconds=0.2)


@settings(max_examples=200)
@given(
    signature=st.sampled_from(["", "serving_tensor", "echo", "embed"]),
    name=st.sampled_from(["image_bytes", "image", "text", "flags", ""]),
    dtype=st.integers(-3, 140),
    sizes=st.lists(st.integers(-2, 9), max_size=6),
    content=st.binary(max_size=64),
    texts=st.lists(st.binary(max_size=64), max_size=3),
    raw=st.none() | st.binary(max_size=64),
)
def test_nothing_that_is_sent_ends_the_server(
    channel: grpc.Channel,
    signature: str,
    name: str,
    dtype: int,
    sizes: list[int],
    content: bytes,
    texts: list[bytes],
    *,
    raw: bytes | None,
) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "tiny"
    request.model_spec.signature_name = signature
    tensor = request.inputs[name]
    tensor.dtype = dtype
    tensor.tensor_content = content
    tensor.string_val.extend(texts)
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    message = request.SerializeToString() if raw is None else raw
    call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    status = call.future(message, timeout=30).code()
    if raw is None:
        refusals = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
        assert status is grpc.StatusCode.OK or status in refusals
    good = predict_pb2.PredictRequest()
    good.model_spec.name = "tiny"
    good.model_spec.signature_name = "serving_tensor"
    good.inputs["image"].CopyFrom(to_proto(IMAGES))
    assert predict_pb2.PredictResponse.FromString(call(good.SerializeToString(), timeout=30)).outputs
