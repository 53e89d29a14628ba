"""TensorFlow Serving's messages for files that its server reads and `tensorflow-serving-api` leaves out.

Field names, numbers and types are those of its session_bundle_config.proto, monitoring_config.proto and
ssl_config.proto.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "kzoo.tests.deployment"
_WRAPPERS = wrappers_pb2.DESCRIPTOR
_FIELDS: dict[str, list[tuple[str, str]]] = {
    "BatchingParameters": [
        ("max_batch_size", "Int64Value"),
        ("batch_timeout_micros", "Int64Value"),
        ("max_enqueued_batches", "Int64Value"),
        ("num_batch_threads", "Int64Value"),
        ("thread_pool_name", "StringValue"),
        ("allowed_batch_sizes", "repeated int64"),
        ("pad_variable_length_inputs", "bool"),
    ],
    "PrometheusConfig": [("enable", "bool"), ("path", "string")],
    "MonitoringConfig": [("prometheus_config", "PrometheusConfig")],
    "SSLConfig": [
        ("server_key", "string"),
        ("server_cert", "string"),
        ("custom_ca", "string"),
        ("client_verify", "bool"),
    ],
}
_SCALARS = {"bool": _Field.TYPE_BOOL, "string": _Field.TYPE_STRING, "int64": _Field.TYPE_INT64}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="kzoo/tests/deployment.proto", package=_PACKAGE, syntax="proto3", dependency=[_WRAPPERS.name]
    )
    for message_name, fields in _FIELDS.items():
        message = file.message_type.add(name=message_name)
        for number, (name, kind) in enumerate(fields, start=1):
            label = _Field.LABEL_REPEATED if kind.startswith("repeated ") else _Field.LABEL_OPTIONAL
            field = message.field.add(name=name, number=number, label=label)
            scalar = kind.removeprefix("repeated ")
            if scalar in _SCALARS:
                field.type = _SCALARS[scalar]
            else:
                package = _PACKAGE if scalar in _FIELDS else _WRAPPERS.package
                field.type, field.type_name = _Field.TYPE_MESSAGE, f".{package}.{scalar}"
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(_WRAPPERS.serialized_pb)
_POOL.Add(_file())


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


BatchingParameters = _message("BatchingParameters")
MonitoringConfig = _message("MonitoringConfig")
SSLConfig = _message("SSLConfig")
