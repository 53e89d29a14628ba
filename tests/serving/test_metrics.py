"""The page is read with Prometheus's own parser, which appends `_total` to the names of counters."""

from __future__ import annotations

import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kzoo.serving.metrics import Metrics


def samples(metrics: Metrics) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(metrics.page().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_calls_are_counted_under_the_names_of_tensorflow_serving() -> None:
    metrics = Metrics(availability=lambda: {"cfn": True})
    metrics.record_request("cfn", "Predict", "GRPC", "OK", 0.002)
    metrics.record_request("cfn", "predict", "REST", "OK", 0.02)
    metrics.record_request("cfn", "Predict", "GRPC", "INVALID_ARGUMENT", 0.5)
    page = metrics.page().decode()
    assert "# TYPE :tensorflow:serving:request_count counter\n" in page
    assert ':tensorflow:serving:request_count{model_name="cfn",status="OK"} 2.0\n' in page
    assert ':tensorflow:serving:request_count{model_name="cfn",status="INVALID_ARGUMENT"} 1.0\n' in page
    assert "# TYPE :tensorflow:serving:request_latency histogram\n" in page
    labels = 'model_name="cfn",API="Predict",entrypoint="GRPC"'
    assert f":tensorflow:serving:request_latency_sum{{{labels}}} 2000.0\n" in page
    assert f":tensorflow:serving:request_latency_count{{{labels}}} 1.0\n" in page
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="10.0"}} 0.0\n' in page
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="+Inf"}} 1.0\n' in page
    assert "_created" not in page


def test_the_buckets_are_those_of_tensorflow_serving() -> None:
    metrics = Metrics(availability=lambda: {"cfn": True})
    metrics.record_runtime("cfn", "Predict", 1e-5)
    limits = [dict(labels)["le"] for labels in samples(metrics)[":tensorflow:serving:runtime_latency_bucket"]]
    assert [float(limit) for limit in limits[:3]] == pytest.approx([10, 18, 32.4])
    assert len(limits) == 34
    assert 1.4e9 < float(limits[-2]) < 1.5e9


def test_unknown_models_share_a_name() -> None:
    metrics = Metrics(availability=lambda: {"cfn": True})
    for number in range(100):
        metrics.record_request(f"guess-{number}", "Predict", "GRPC", "NOT_FOUND", 0.001)
    counts = samples(metrics)[":tensorflow:serving:request_count_total"]
    assert counts == {(("model_name", ""), ("status", "NOT_FOUND")): 100}


def test_examples_logs_warm_up_and_gauges() -> None:
    metrics = Metrics(availability=lambda: {"cfn": True, "hed": False}, calls_in_flight=lambda: 3)
    metrics.record_examples("cfn", 5)
    metrics.record_logged("cfn", "OK")
    metrics.record_warm_up('models/"cfn"\\1', "OK", 0.5)
    found = samples(metrics)
    assert found[":tensorflow:serving:request_example_count_total"] == {(("model", "cfn"),): 5}
    assert found[":tensorflow:serving:request_example_counts_sum"] == {(("model", "cfn"),): 5}
    assert found[":tensorflow:serving:request_log_count_total"] == {
        (("model_name", "cfn"), ("status_code", "OK")): 1
    }
    warm_up = found[":tensorflow:serving:model_warmup_latency_sum"]
    assert warm_up == {(("model_path", 'models/"cfn"\\1'), ("status", "OK")): 500_000}
    assert found["kzoo_model_available"] == {(("model_name", "cfn"),): 1, (("model_name", "hed"),): 0}
    assert found["kzoo_calls_in_flight"] == {(): 3}
    assert found["process_resident_memory_bytes"][()] > 1e6


def test_threads_lose_no_count() -> None:
    metrics = Metrics(availability=lambda: {"cfn": True})

    def count() -> None:
        for _ in range(2000):
            metrics.record_request("cfn", "Predict", "GRPC", "OK", 0.001)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = samples(metrics)
    assert list(found[":tensorflow:serving:request_count_total"].values()) == [8000]
    assert list(found[":tensorflow:serving:request_latency_count"].values()) == [8000]
