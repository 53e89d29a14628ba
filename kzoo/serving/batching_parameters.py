"""How calls are joined into batches, in the words of TensorFlow Serving's batching parameters file."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

from kzoo.errors import ServingError, UsageError
from kzoo.serving.text_proto import read_text_proto

_PACKAGE = "tensorflow.serving"
_FIELD = descriptor_pb2.FieldDescriptorProto
# Of tensorflow_serving/servables/tensorflow/session_bundle_config.proto, which no package ships.
_WRAPPED_FIELDS: Mapping[str, tuple[int, str]] = {
    "max_batch_size": (1, "Int64Value"),
    "batch_timeout_micros": (2, "Int64Value"),
    "max_enqueued_batches": (3, "Int64Value"),
    "num_batch_threads": (4, "Int64Value"),
    "thread_pool_name": (5, "StringValue"),
}
_PLAIN_FIELDS: Mapping[str, tuple[int, Any, Any]] = {
    "allowed_batch_sizes": (6, _FIELD.TYPE_INT64, _FIELD.LABEL_REPEATED),
    "pad_variable_length_inputs": (7, _FIELD.TYPE_BOOL, _FIELD.LABEL_OPTIONAL),
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchingParameters:
    """Settings of TensorFlow's batcher, the same for each queue.

    The defaults suit any load and model: no batch is waited for, but calls that come while all batch threads
    are busy are answered together by the next one that is free, as long as that is faster.

    Attributes:
        max_batch_size: rows of one batch; a call with more is run on its own.
        batch_timeout_micros: how long a free thread waits for a batch to fill; if above 0, all calls are
            batched.
        max_enqueued_batches: length of a queue; a call that finds it full is RESOURCE_EXHAUSTED.
        num_batch_threads: batches of one queue that run at a time.
        allowed_batch_sizes: sizes to which batches are filled up, rising, the last one `max_batch_size`; any
            size if empty.

    Raises:
        UsageError: for a value out of its range.
    """

    max_batch_size: int = 32
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 1000
    num_batch_threads: int = os.cpu_count() or 1
    allowed_batch_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, least in (
            ("max_batch_size", 1),
            ("batch_timeout_micros", 0),
            ("max_enqueued_batches", 1),
            ("num_batch_threads", 1),
        ):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be {least} or more; received {getattr(self, name)}")
        sizes = self.allowed_batch_sizes
        rising = list(sizes) == sorted(set(sizes))
        if sizes and not (rising and sizes[0] >= 1 and sizes[-1] == self.max_batch_size):
            raise UsageError(
                f"allowed_batch_sizes must rise from 1 or more to max_batch_size, {self.max_batch_size}; "
                f"received {list(sizes)}"
            )


def read_batching_parameters(path: Path) -> BatchingParameters:
    """Read TensorFlow Serving's `--batching_parameters_file`; what it leaves out has our defaults.

    `thread_pool_name` is for TensorFlow Serving's own threads and changes nothing. With
    `pad_variable_length_inputs`, TensorFlow Serving fills inputs of different sizes up to one size; here
    calls with inputs of one size are batched together, which gives each the answer that it gets alone.

    Raises:
        ServingError: if the file cannot be read, is no such message, or a value is out of its range.
    """
    message = read_text_proto(path, _message_class()())
    given: dict[str, Any] = {
        field.name: getattr(message, field.name).value
        for field in fields(BatchingParameters)
        if field.name in _WRAPPED_FIELDS and message.HasField(field.name)
    }
    if message.pad_variable_length_inputs:
        logger.info("%s: inputs are not padded; calls of one size are batched together", path)
    try:
        return BatchingParameters(**given, allowed_batch_sizes=tuple(message.allowed_batch_sizes))
    except UsageError as error:
        raise ServingError(f"{path}: {error}") from error


def choose_batching(enabled: bool, path: Path | None) -> BatchingParameters | None:
    """Return what a file says, else the defaults if `enabled`, else None.

    Raises:
        ServingError: as `read_batching_parameters`.
    """
    if path is not None:
        return read_batching_parameters(path)
    return BatchingParameters() if enabled else None


def _message_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="tensorflow_serving/servables/tensorflow/session_bundle_config.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name="BatchingParameters")
    for name, (number, wrapper) in _WRAPPED_FIELDS.items():
        message.field.add(
            name=name,
            number=number,
            type=_FIELD.TYPE_MESSAGE,
            label=_FIELD.LABEL_OPTIONAL,
            type_name=f".google.protobuf.{wrapper}",
        )
    for name, (number, kind, label) in _PLAIN_FIELDS.items():
        message.field.add(name=name, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{message.name}"))
