"""Load tests: arrivals, figures counted by hand, and real calls of real servers."""

from __future__ import annotations

import csv
import time
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import PIL.Image
import pytest
from serving_helpers import WARM_UP, png
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.serving import Client
from kzoo.serving.connection import Connection
from kzoo.serving.loadtest import Load, Sample, arrivals, run_load
from kzoo.serving.loadtest_report import summarize, write_csv, write_picture
from kzoo.serving.loadtest_requests import Target, requests_of_metadata, requests_of_records


def test_arrivals_come_at_the_rate_and_half_as_many_in_a_ramp() -> None:
    load = Load(rate=1000, ramp_seconds=10, warm_up_seconds=0, duration_seconds=10)
    due = np.array(list(arrivals(load)))
    assert (np.diff(due) >= 0).all()
    assert due[-1] < 20
    assert abs((due < 10).sum() - 5000) < 5 * np.sqrt(5000)
    assert abs((due < 5).sum() - 1250) < 5 * np.sqrt(1250)
    gaps = np.diff(due[due >= 10])
    assert abs(gaps.mean() - 1e-3) < 5e-5
    assert abs(gaps.std() / gaps.mean() - 1) < 0.05, "gaps of a Poisson process are exponential"


def test_figures_of_calls_counted_by_hand() -> None:
    load = Load(clients=1, warm_up_seconds=1, duration_seconds=10)
    samples = [Sample(1.0, 1.0, 1.0 + number / 1000, "OK") for number in range(1, 1001)]
    samples += [Sample(5, 5, 9, "UNAVAILABLE"), Sample(10.5, 10.5, 11.5, "OK")]
    found = summarize(samples, load)
    assert found.calls == 1002
    assert found.statuses == {"OK": 1001, "UNAVAILABLE": 1}
    assert found.answers_per_second == 100.0
    expected = {"p50": 501, "p90": 901, "p95": 951, "p99": 991, "p99.9": 1000}
    assert {rank: round(value, 6) for rank, value in found.percentiles_ms.items()} == expected
    nothing = summarize([Sample(1, 1, 2, "INTERNAL")], load)
    assert (nothing.percentiles_ms, nothing.mean_ms, nothing.worst_ms) == ({}, None, None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"clients": 1, "rate": 1.0},
        {"clients": 0},
        {"rate": 0},
        {"clients": 1, "duration_seconds": 0},
        {"clients": 1, "ramp_seconds": -1},
        {"rate": float("inf")},
    ],
)
def test_a_load_that_cannot_be_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="received"):
        Load(**options)


class Stalling(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers one call at a time, the first after half a second."""

    def __init__(self) -> None:
        self.calls = 0

    def Predict(  # noqa: N802
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        self.calls += 1
        if self.calls == 1:
            time.sleep(0.5)
        return predict_pb2.PredictResponse()


def test_a_stall_counts_against_every_call_that_it_held_up() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Stalling(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        load = Load(rate=200, warm_up_seconds=0, duration_seconds=1)
        samples = run_load(Connection(f"127.0.0.1:{port}"), [b""], load)
    finally:
        server.stop(None).wait()
    assert len(samples) == len(list(arrivals(load)))
    assert {sample.status for sample in samples} == {"OK"}
    first = min(sample.due for sample in samples)
    held_up = [sample for sample in samples if sample.due < first + 0.4]
    assert len(held_up) > 40
    assert all(sample.ended >= first + 0.5 for sample in held_up)


def test_both_loops_call_a_real_server(client: Client, tmp_path: Path) -> None:
    requests = requests_of_metadata(Target("tiny"), client.metadata("tiny"))
    assert len(requests) == 8
    for load in (
        Load(clients=3, ramp_seconds=0.2, warm_up_seconds=0.2, duration_seconds=1),
        Load(rate=50, warm_up_seconds=0.2, duration_seconds=1),
    ):
        samples = run_load(Connection(client.address), requests, load)
        found = summarize(samples, load)
        assert found.statuses == {"OK": len(samples)}
        assert list(found.percentiles_ms) == ["p50", "p90", "p95", "p99", "p99.9"]
        assert all(load.measured_from <= sample.due < load.ends for sample in samples)
        assert all(sample.due <= sample.sent <= sample.ended for sample in samples)
    write_csv(samples, tmp_path / "calls.csv")
    with (tmp_path / "calls.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["due_s"]) for row in rows] == sorted(round(sample.due, 6) for sample in samples)
    write_picture(samples, tmp_path / "calls.png", "tiny")
    assert PIL.Image.open(tmp_path / "calls.png").size == (1320, 480)
    with pytest.raises(UsageError, match=r"in \.png"):
        write_picture(samples, tmp_path / "calls.gif", "tiny")


def test_failed_calls_are_counted_by_status(client: Client) -> None:
    metadata = client.metadata("tiny")
    load = Load(clients=1, warm_up_seconds=0, duration_seconds=0.3)
    lost = requests_of_metadata(Target("huge"), metadata)
    assert set(summarize(run_load(Connection(client.address), lost, load), load).statuses) == {"NOT_FOUND"}


def test_requests_fit_the_signature(client: Client, tmp_path: Path) -> None:
    metadata = client.metadata("tiny")
    (tmp_path / "one.png").write_bytes(png(1))
    (made,) = requests_of_metadata(Target("tiny", version=2), metadata, [tmp_path / "one.png"], batch=3)
    request = predict_pb2.PredictRequest.FromString(made)
    assert list(request.inputs["image_bytes"].string_val) == [png(1)] * 3
    assert request.model_spec.version.value == 2
    echo = predict_pb2.PredictRequest.FromString(
        requests_of_metadata(Target("tiny", "serving_tensor"), metadata, batch=2)[0]
    )
    assert [dim.size for dim in echo.inputs["image"].tensor_shape.dim] == [2, 8, 8, 3]
    with pytest.raises(UnknownNameError, match="signature 'embedd'; did you mean embed"):
        requests_of_metadata(Target("tiny", "embedd"), metadata)
    with pytest.raises(UsageError, match="received 0"):
        requests_of_metadata(Target("tiny"), metadata, batch=0)


def test_warm_up_records_are_sent_to_the_model_asked_for(base: Path, tmp_path: Path) -> None:
    made = requests_of_records(Target("other", version=7), base / "tiny" / "2" / WARM_UP)
    specs = [predict_pb2.PredictRequest.FromString(one).model_spec for one in made]
    assert [(one.name, one.signature_name, one.version.value) for one in specs] == [
        ("other", "serving_default", 7),
        ("other", "embed", 7),
    ]
    (tmp_path / "text").write_text("not records at all")
    with pytest.raises(DataError, match="is no file of warm-up records"):
        requests_of_records(Target("other"), tmp_path / "text")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(DataError, match="holds no Predict request"):
        requests_of_records(Target("other"), tmp_path / "empty")
