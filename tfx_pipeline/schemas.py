"""Curated schemas of spans: what every example must hold, whatever statistics say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.files import write_atomic
from tfx_pipeline.examples import CLASS, LABEL

SCHEMA_FILE = "schema.pbtxt"


def add_one(schema: schema_pb2.Schema, name: str, kind: schema_pb2.FeatureType) -> schema_pb2.Feature:
    """Add a feature of which every example has one value."""
    feature = add_some(schema, name, kind)
    feature.value_count.max = 1
    return feature


def add_some(schema: schema_pb2.Schema, name: str, kind: schema_pb2.FeatureType) -> schema_pb2.Feature:
    """Add a feature of which every example has one value or more."""
    feature = schema.feature.add(name=name, type=kind)
    feature.value_count.min = 1
    feature.presence.min_fraction, feature.presence.min_count = 1.0, 1
    return feature


def add_label(schema: schema_pb2.Schema, classes: Sequence[str], *, several: bool = False) -> None:
    """Add the label, an index of the classes, and the class's name; if several, any number of both."""
    label = add_one(schema, LABEL, schema_pb2.INT)
    label.int_domain.min, label.int_domain.max = 0, len(classes) - 1
    label.int_domain.is_categorical = True
    name = add_one(schema, CLASS, schema_pb2.BYTES)
    name.string_domain.value.extend(classes)
    if several:
        for feature in (label, name):
            feature.ClearField("presence")
            feature.ClearField("value_count")


def of_encoded(names: Iterable[str]) -> schema_pb2.Schema:
    """Return the schema of examples that hold one string of bytes of each name, and nothing else."""
    schema = schema_pb2.Schema()
    for name in names:
        add_one(schema, name, schema_pb2.BYTES)
    return schema


def write_schema(schema: schema_pb2.Schema, folder: Path) -> Path:
    """Write a schema as text into a folder, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SCHEMA_FILE
    text = text_format.MessageToString(schema)
    if not path.is_file() or path.read_text("utf-8") != text:
        write_atomic(path, text)
    return path
