"""Curated schemas of spans: what every example must hold, whatever statistics say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.files import write_atomic
from tfx_pipeline.spans import CLASS, ID, IMAGE, LABEL

SCHEMA_FILE = "schema.pbtxt"


def labelled_images(classes: Sequence[str]) -> schema_pb2.Schema:
    """Return the schema of labelled images: one image, label, class and id an example, none of them missing.

    Args:
        classes: names of the labels; a label outside 0..C - 1 and a class of another name are anomalies.
    """
    schema = schema_pb2.Schema()
    for name in (IMAGE, ID):
        _feature(schema, name, schema_pb2.BYTES)
    label = _feature(schema, LABEL, schema_pb2.INT)
    label.int_domain.min, label.int_domain.max = 0, len(classes) - 1
    label.int_domain.is_categorical = True
    _feature(schema, CLASS, schema_pb2.BYTES).string_domain.value.extend(classes)
    return schema


def write_schema(schema: schema_pb2.Schema, folder: Path) -> Path:
    """Write a schema as text into a folder, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SCHEMA_FILE
    text = text_format.MessageToString(schema)
    if not path.is_file() or path.read_text("utf-8") != text:
        write_atomic(path, text)
    return path


def _feature(schema: schema_pb2.Schema, name: str, kind: schema_pb2.FeatureType) -> schema_pb2.Feature:
    feature = schema.feature.add(name=name, type=kind)
    feature.value_count.min = feature.value_count.max = 1
    feature.presence.min_fraction, feature.presence.min_count = 1.0, 1
    return feature
