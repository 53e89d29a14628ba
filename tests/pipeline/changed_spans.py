"""Spans that are not what they should be, made of whole ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from kzoo.files import folder_written_aside
from tfx_pipeline.examples import SPLITS
from tfx_pipeline.spans import DESCRIPTION

Examples = Sequence[Any]


def deliver_changed(spans: Path, number: int, change: Callable[[Examples, Sequence[str]], None]) -> None:
    """Deliver the examples of the span before as a span of their own, changed."""
    before = spans / f"span-{number - 1}"
    told = json.loads((before / DESCRIPTION).read_text())
    with folder_written_aside(spans / f"span-{number}") as aside:
        for split in SPLITS:
            name = f"{split}.tfrecord.gz"
            records = tf.data.TFRecordDataset(str(before / name), "GZIP").as_numpy_iterator()
            examples = [tf.train.Example.FromString(record) for record in records]
            change(examples, told["classes"])
            with tf.io.TFRecordWriter(str(aside / name), "GZIP") as writer:
                for example in examples:
                    writer.write(example.SerializeToString())
            told["sha256"][split] = hashlib.sha256((aside / name).read_bytes()).hexdigest()
        (aside / DESCRIPTION).write_text(json.dumps({**told, "number": number}))
