"""Spans: what new data arrive as. A span is a folder of TFRecords that appears whole or not at all.

SPANS/span-3/span.json          what it holds, of which data set, with hashes of its files
SPANS/span-3/train.tfrecord.gz  examples to train on
SPANS/span-3/validation.tfrecord.gz  examples by which the best epoch is kept
SPANS/span-3/eval.tfrecord.gz   examples that decide on blessing

Each record is a tf.train.Example with image_bytes (PNG) and id; `tfx_pipeline.kinds` says what else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kzoo.errors import DataError, UsageError
from kzoo.files import folder_written_aside, sha256_of_file
from tfx_pipeline.examples import SPLITS
from tfx_pipeline.kinds import Described, kind_of

DESCRIPTION = "span.json"
_NAME = re.compile(r"span-([1-9]\d*)")


@dataclass(frozen=True)
class Span:
    """What a span holds.

    Attributes:
        number: from 1, ascending with time.
        kind: a name of `tfx_pipeline.kinds`.
        data: name of the source that it was taken from.
        licence: of the source.
        classes: names of the labels.
        examples: of each split, "train", "validation" and "eval".
        sha256: of the file of each split.
        facts: what else the kind needs to know.
    """

    number: int
    kind: str
    data: str
    licence: str
    classes: tuple[str, ...]
    examples: Mapping[str, int]
    sha256: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The folder's name."""
        return f"span-{self.number}"


def deliver(source: Any, spans: Path, *, number: int | None = None, part: tuple[int, int] = (0, 1)) -> Span:
    """Write the examples of a source, or a part of them, as a span.

    Train and validation examples keep their split, test examples go into "eval"; see `Kind.delivered`.

    Args:
        source: opened data of one of `tfx_pipeline.kinds`.
        spans: folder of all spans.
        number: of the new span; by default one more than the highest there is.
        part: (k, n): every n-th example from the k-th on, so that n spans share the source.

    Returns:
        The span that SPANS/span-NUMBER now holds.

    Raises:
        UsageError: for a part that is none, a number that is taken, or a source of no such kind.
        DataError: if the source lacks a split, a split would be empty, or an example cannot be read.
    """
    first, step = part
    if not 0 <= first < step:
        raise UsageError(f"part must be (k, n) with 0 <= k < n; received {part}")
    kind = kind_of(source)
    number = number or max((one.number for one in list_spans(spans)), default=0) + 1
    folder = spans / f"span-{number}"
    if folder.exists():
        raise UsageError(f"{folder} exists already; spans are never written over")
    spans.mkdir(parents=True, exist_ok=True)
    with folder_written_aside(folder) as aside:
        examples = {
            split: _write(aside / f"{split}.tfrecord.gz", kind.delivered(source, split, part))
            for split in SPLITS
        }
        for split, count in examples.items():
            if not count:
                raise DataError(f"{source.name} has no example for the split {split!r} of a span")
        hashes = {split: sha256_of_file(aside / f"{split}.tfrecord.gz") for split in SPLITS}
        span = Span(
            number=number,
            kind=kind.name,
            data=source.name,
            licence=source.licence,
            classes=tuple(source.classes),
            examples=examples,
            sha256=hashes,
            facts=kind.facts(source),
        )
        (aside / DESCRIPTION).write_text(json.dumps(asdict(span), indent=2) + "\n", encoding="utf-8")
    return span


def list_spans(spans: Path) -> list[Span]:
    """Return the spans in a folder, oldest first; what has another name, as a span being written, is not one.

    Raises:
        DataError: if a span's description is missing or broken.
    """
    if not spans.is_dir():
        return []
    folders = [path for path in spans.iterdir() if path.is_dir() and _NAME.fullmatch(path.name)]
    return sorted((_read(folder) for folder in folders), key=lambda span: span.number)


def window(spans: Path, *, last: int) -> list[Span]:
    """Return the newest `last` spans, oldest first, after comparing their files with their hashes.

    Raises:
        UsageError: for a window below 1.
        DataError: if there is none, a file is not what its span says, or the spans differ in kind, classes
            or facts.
    """
    if last < 1:
        raise UsageError(f"window is {last}; expected one span or more")
    chosen = list_spans(spans)[-last:]
    if not chosen:
        raise DataError(f"there is no span in {spans}; `kzoo pipeline deliver` writes one")
    for span in chosen:
        if _schema_of(span) != _schema_of(chosen[-1]):
            raise DataError(
                f"{span.name} has {_schema_of(span)}; {chosen[-1].name} has {_schema_of(chosen[-1])}: "
                "another schema, which a window cannot hold"
            )
        for split, expected in span.sha256.items():
            path = spans / span.name / f"{split}.tfrecord.gz"
            received = sha256_of_file(path) if path.is_file() else "no file"
            if received != expected:
                raise DataError(f"{path} has SHA-256 {received}; {DESCRIPTION} says {expected}")
    return chosen


def fingerprint(spans: Sequence[Span]) -> str:
    """Return one SHA-256 over the files of spans."""
    hashes = [[span.number, sorted(span.sha256.items())] for span in spans]
    return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()


def describe(spans: Sequence[Span]) -> Described:
    """Return what there is to say of a window of spans."""
    newest = spans[-1]
    return Described(
        kind=newest.kind,
        name=f"spans: {', '.join(span.name for span in spans)}",
        classes=list(newest.classes),
        fingerprint=fingerprint(spans),
        licence="; ".join(sorted({span.licence for span in spans})),
        facts=newest.facts,
    )


def schema_key(described: Described) -> str:
    """Return a hash of what spans must have in common to share a window, and a model to begin from."""
    told = json.dumps([described.kind, list(described.classes), dict(described.facts)])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _schema_of(span: Span) -> str:
    facts = "".join(f", {name} {value}" for name, value in span.facts.items())
    return f"{span.kind.replace('_', ' ')} of {', '.join(span.classes) or 'no classes'}{facts}"


def _read(folder: Path) -> Span:
    try:
        content = json.loads((folder / DESCRIPTION).read_text("utf-8"))
        span = Span(**{**content, "classes": tuple(content["classes"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{folder} is no span: {DESCRIPTION} cannot be read ({error})") from error
    if span.name != folder.name or set(span.examples) != set(SPLITS) or not all(span.examples.values()):
        raise DataError(f"{folder} is no span: {DESCRIPTION} says {span.name} with {dict(span.examples)}")
    return span


def _write(path: Path, examples: Iterator[Any]) -> int:
    import tensorflow as tf

    count = 0
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for example in examples:
            writer.write(example.SerializeToString())
            count += 1
    return count
