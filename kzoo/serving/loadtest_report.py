"""What a load test found: figures, a table of the calls, a picture."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.errors import UsageError
from kzoo.files import write_atomic
from kzoo.serving.loadtest import Load, Sample

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
_MOST_STEPS = 20_000  # points of a drawn curve


@dataclass(frozen=True)
class Summary:
    """The figures of one load test.

    Attributes:
        calls: that were due in the measured time.
        statuses: how many ended with each status.
        answers_per_second: answers that came within the measured time, by its length.
        percentiles_ms: latency of the answered calls by percentile, "p50" to "p99.9"; ranks are rounded
            up, so each is the latency of a call that was made. Empty without answers.
        mean_ms, worst_ms: of the same; None without answers.
    """

    calls: int
    statuses: Mapping[str, int]
    answers_per_second: float
    percentiles_ms: Mapping[str, float]
    mean_ms: float | None
    worst_ms: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON has them."""
        return asdict(self)


def summarize(samples: Sequence[Sample], load: Load) -> Summary:
    """Return the figures of the calls of a load test."""
    answered = [sample for sample in samples if sample.status == "OK"]
    in_time = sum(load.measured_from <= sample.ended < load.ends for sample in answered)
    milliseconds = np.array([sample.seconds * 1000 for sample in answered])
    found = np.percentile(milliseconds, PERCENTILES, method="inverted_cdf") if answered else ()
    return Summary(
        calls=len(samples),
        statuses=dict(sorted(Counter(sample.status for sample in samples).items())),
        answers_per_second=in_time / load.duration_seconds,
        percentiles_ms={f"p{rank:g}": float(one) for rank, one in zip(PERCENTILES, found, strict=False)},
        mean_ms=float(milliseconds.mean()) if answered else None,
        worst_ms=float(milliseconds.max()) if answered else None,
    )


def write_csv(samples: Sequence[Sample], path: Path) -> None:
    """Write a row a call, by when it was due: seconds from the start, latency in milliseconds, status."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["due_s", "sent_s", "ended_s", "latency_ms", "status"])
    for one in sorted(samples, key=lambda sample: sample.due):
        numbers = (one.due, one.sent, one.ended, one.seconds * 1000)
        writer.writerow([*(f"{number:.6f}" for number in numbers), one.status])
    write_atomic(path, text.getvalue())


def write_picture(samples: Sequence[Sample], path: Path, title: str) -> None:
    """Write a PNG: latency over time, failed calls marked, and the share of calls answered within each time.

    Raises:
        UsageError: if the path does not end in ".png".
    """
    from matplotlib.figure import Figure

    if path.suffix.lower() != ".png":
        raise UsageError(f"a picture is written as PNG; expected a path in .png, received {path}")
    figure = Figure(figsize=(11, 4), layout="constrained")
    over_time, share = figure.subplots(1, 2)
    figure.suptitle(title)
    for answered, style, label in ((True, ".", "answered"), (False, "rx", "failed")):
        chosen = [sample for sample in samples if (sample.status == "OK") == answered]
        if chosen:
            milliseconds = [sample.seconds * 1000 for sample in chosen]
            over_time.plot([sample.due for sample in chosen], milliseconds, style, ms=3, label=label)
            over_time.legend()
    over_time.set(xlabel="time, s", ylabel="latency, ms", yscale="log")
    milliseconds = sorted(sample.seconds * 1000 for sample in samples if sample.status == "OK")
    if milliseconds:
        ranks = np.unique(
            np.linspace(0, len(milliseconds) - 1, min(len(milliseconds), _MOST_STEPS)).astype(int)
        )
        share.step(np.array(milliseconds)[ranks], (ranks + 1) / len(milliseconds), where="post")
    share.set(xlabel="latency, ms", ylabel="share of answered calls", xscale="log", ylim=(0, 1.02))
    for axes in (over_time, share):
        axes.grid(alpha=0.3)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_atomic(path, content.getvalue())
