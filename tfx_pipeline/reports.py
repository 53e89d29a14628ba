"""What an evaluation found, as JSON for programs and as a page for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from kzoo.files import write_atomic
from tfx_pipeline.blessing import Verdict

REPORT_FILE, REPORT_PAGE = "report.json", "report.html"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin-bottom:1.5rem}th,td{padding:.25rem .8rem;text-align:right;"
    "border-bottom:1px solid #ddd}th:first-child,td:first-child{text-align:left}"
)


@dataclass(frozen=True, kw_only=True)
class PipelineReport:
    """What was measured, and what came of it.

    Attributes:
        system, data: names.
        verdict: the decision.
        metrics, baseline: over all examples; `baseline` is None where no model is pushed yet.
        slices: the metrics over the examples of each category alone.
    """

    system: str
    data: str
    verdict: Verdict
    metrics: Mapping[str, float]
    baseline: Mapping[str, float] | None
    slices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write report.json and report.html into a folder."""
        write_atomic(folder / REPORT_FILE, json.dumps(self.to_json(), indent=2) + "\n")
        write_atomic(folder / REPORT_PAGE, self.to_html())

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values; what is not a number is null."""
        return {
            "system": self.system,
            "data": self.data,
            "blessed": self.verdict.blessed,
            "metric": self.verdict.metric,
            "reasons": list(self.verdict.reasons),
            "metrics": _numbers(self.metrics),
            "baseline": None if self.baseline is None else _numbers(self.baseline),
            "slices": {name: _numbers(found) for name, found in self.slices.items()},
        }

    def to_html(self) -> str:
        """Return the report as a page of its own."""
        decision = "Blessed." if self.verdict.blessed else "Not blessed: " + "; ".join(self.verdict.reasons)
        before = self.baseline or {}
        rows = [[name, _text(value), _text(before.get(name))] for name, value in self.metrics.items()]
        chosen = self.verdict.metric
        parts = [[name, _text(found.get(chosen))] for name, found in self.slices.items()]
        tables = _table(["metric", "this model", "the model before"], rows)
        if parts:
            tables += f"<h2>By category</h2>{_table(['category', chosen], parts)}"
        title = escape(f"{self.system} on {self.data}")
        return (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{escape(decision)}</p>\n{tables}\n"
            "</body>\n</html>\n"
        )


def _numbers(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else float(value) for name, value in metrics.items()}


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in headings)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
