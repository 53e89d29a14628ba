"""Prometheus metrics under the names that TensorFlow Serving gives them, and some of the process.

prometheus_client measures; the page is written here, because it would append `_total` to every counter, and
dashboards for TensorFlow Serving ask for `:tensorflow:serving:request_count`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PATH = "/monitoring/prometheus/metrics"
RUNTIME = "TF2"
UNKNOWN_MODEL = ""

_PREFIX = ":tensorflow:serving:"
# TensorFlow Serving's own: scale 10 microseconds, growth 1.8, 33 buckets, about 20 minutes.
_LATENCY_BUCKETS = tuple(10 * 1.8**power for power in range(33))
_EXAMPLE_BUCKETS = tuple(float(1 << power) for power in range(15))
_MICROSECONDS = 1e6
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class _Count(Collector):
    """A counter whose samples carry exactly its name."""

    def __init__(
        self, name: str, help_text: str, labels: tuple[str, ...], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._help = help_text
        self._labels = labels
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, ...]] = Counter()
        registry.register(self)

    def add(self, *values: str, amount: int = 1) -> None:
        with self._lock:
            self._counts[values] += amount

    def collect(self) -> Iterable[Metric]:
        family = Metric(self._name, self._help, "counter")
        with self._lock:
            counts = dict(self._counts)
        for values, count in sorted(counts.items()):
            family.add_sample(self._name, dict(zip(self._labels, values, strict=True)), count)
        yield family


class Metrics:
    """What a server has done since it began; threads may share it."""

    def __init__(
        self,
        *,
        availability: Callable[[], Mapping[str, bool]] = dict,
        calls_in_flight: Callable[[], int] | None = None,
    ) -> None:
        """Begin at zero.

        Args:
            availability: says of each model whether a version of it is live. Calls for other models are
                counted together, so that a client cannot fill the memory with names.
            calls_in_flight: how many calls are being answered now.
        """
        self._availability = availability
        self._calls_in_flight = calls_in_flight
        self._registry = registry = CollectorRegistry()
        self._requests = _Count(
            f"{_PREFIX}request_count", "The total number of requests.", ("model_name", "status"), registry
        )
        self._examples = _Count(
            f"{_PREFIX}request_example_count_total",
            "The total number of tensorflow.Examples.",
            ("model",),
            registry,
        )
        self._logged = _Count(
            f"{_PREFIX}request_log_count",
            "The total number of requests logged from the model server sliced down by model_name and status "
            "code.",
            ("model_name", "status_code"),
            registry,
        )
        self._example_counts = Histogram(
            f"{_PREFIX}request_example_counts",
            "The number of tensorflow.Examples per request.",
            ("model",),
            buckets=_EXAMPLE_BUCKETS,
            registry=registry,
        )
        self._request_latency = _latency(
            "request_latency",
            "Distribution of wall time (in microseconds) for Tensorflow Serving request.",
            ("model_name", "API", "entrypoint"),
            registry,
        )
        self._runtime_latency = _latency(
            "runtime_latency",
            "Distribution of wall time (in microseconds) for Tensorflow runtime.",
            ("model_name", "API", "runtime"),
            registry,
        )
        self._warmup_latency = _latency(
            "model_warmup_latency",
            "Distribution of wall time (in microseconds) for warming up the model.",
            ("model_path", "status"),
            registry,
        )
        registry.register(_Gauges(self._gauges))
        ProcessCollector(registry=registry)

    def record_request(self, model: str, api: str, entrypoint: str, status: str, seconds: float) -> None:
        """Count an answered call; its time counts only if it succeeded, as in TensorFlow Serving.

        Args:
            model: its name as the caller gave it.
            api: "Predict" and so on over gRPC, "predict" and so on over REST.
            entrypoint: "GRPC" or "REST".
            status: gRPC's name, as "OK".
            seconds: from the request's arrival to the answer.
        """
        name = self._known(model)
        self._requests.add(name, status)
        if status == "OK":
            self._request_latency.labels(name, api, entrypoint).observe(seconds * _MICROSECONDS)

    def record_runtime(self, model: str, api: str, seconds: float) -> None:
        """Count the time that TensorFlow took for a call."""
        self._runtime_latency.labels(self._known(model), api, RUNTIME).observe(seconds * _MICROSECONDS)

    def record_examples(self, model: str, count: int) -> None:
        """Count the examples of a call of Classify, Regress or MultiInference."""
        name = self._known(model)
        self._examples.add(name, amount=count)
        self._example_counts.labels(name).observe(count)

    def record_logged(self, model: str, status: str) -> None:
        """Count a line of the request log."""
        self._logged.add(self._known(model), status)

    def record_warm_up(self, path: str, status: str, seconds: float) -> None:
        """Count the time that the warm-up of a version took.

        Args:
            path: the version's folder.
            status: gRPC's name of how it ended.
            seconds: all records together.
        """
        self._warmup_latency.labels(path, status).observe(seconds * _MICROSECONDS)

    def page(self) -> bytes:
        """Return all metrics in Prometheus's text format, of the type CONTENT_TYPE."""
        return "".join(_lines(self._registry.collect())).encode("utf-8")

    def _known(self, model: str) -> str:
        return model if model in self._availability() else UNKNOWN_MODEL

    def _gauges(self) -> Iterator[Metric]:
        available = GaugeMetricFamily(
            "kzoo_model_available", "1 if a version of the model is live, else 0.", labels=["model_name"]
        )
        for name, live in sorted(self._availability().items()):
            available.add_metric([name], float(live))
        yield available
        if self._calls_in_flight is not None:
            yield GaugeMetricFamily(
                "kzoo_calls_in_flight", "Calls being answered now.", value=self._calls_in_flight()
            )


class _Gauges(Collector):
    """Gauges that are read when the page is asked for."""

    def __init__(self, read: Callable[[], Iterator[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()


def _latency(name: str, help_text: str, labels: tuple[str, ...], registry: CollectorRegistry) -> Histogram:
    return Histogram(_PREFIX + name, help_text, labels, buckets=_LATENCY_BUCKETS, registry=registry)


def _lines(families: Iterable[Metric]) -> Iterator[str]:
    for family in families:
        samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
        # prometheus_client names its own counters without `_total` and their samples with it.
        name = samples[0].name if family.type == "counter" and samples else family.name
        yield f"# HELP {name} {family.documentation}\n# TYPE {name} {family.type}\n"
        yield from map(_line, samples)


def _line(sample: Sample) -> str:
    labels = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in sample.labels.items())
    return f"{sample.name}{{{labels}}} {_number(sample.value)}\n"


def _number(value: float) -> str:
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text := repr(float(value)), text)
