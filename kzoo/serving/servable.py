"""One loaded version of a model."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from kzoo.errors import ServingError
from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.signature import Signature
from kzoo.serving.tensors import to_proto
from kzoo.serving.versions import SAVED_MODEL_FILE

DEFAULT_SIGNATURE = "serving_default"
SERVE_TAG = "serve"
WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_WARM_UP_RECORDS = 1000

logger = logging.getLogger(__name__)


@dataclass
class Servable:
    """A version in memory, and how many calls are using it.

    Attributes:
        model, version: which one it is.
        definitions: its signatures as the SavedModel states them.
        signatures: those that can be called.
    """

    model: str
    version: int
    definitions: Mapping[str, meta_graph_pb2.SignatureDef] = field(repr=False)
    signatures: Mapping[str, Signature] = field(repr=False)
    _saved_model: Any = field(repr=False)  # its functions hold their variables only as long as this lives
    _calls: int = 0
    _on_idle: Callable[[], None] | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        """Answer a request; its model name is not looked at.

        Raises:
            CallError: as `Signature.predict`, or for a signature that is not there.
        """
        signature = self._signature(request.model_spec.signature_name or DEFAULT_SIGNATURE)
        outputs = signature.predict(request.inputs, request.output_filter)
        response = predict_pb2.PredictResponse()
        response.model_spec.name = self.model
        response.model_spec.version.value = self.version
        response.model_spec.signature_name = signature.name
        for name, array in outputs.items():
            response.outputs[name].CopyFrom(to_proto(array))
        return response

    def warm_up(self, path: Path) -> int:
        """Answer the recorded predictions of a file, and return how many there were.

        Records of other methods are passed over, and the log says so.

        Raises:
            ServingError: if the file cannot be read or holds more than MAX_WARM_UP_RECORDS.
            CallError: if a recorded request cannot be answered.
        """
        answered = 0
        for number, log in enumerate(_read_records(path)):
            kind = log.WhichOneof("log_type")
            if kind != "predict_log":
                logger.warning("%s: record %d is a %s, not answered", path, number, kind)
                continue
            self.predict(log.predict_log.request)
            answered += 1
        return answered

    def enter(self) -> None:
        """Count a call in."""
        with self._lock:
            self._calls += 1

    def leave(self) -> None:
        """Count a call out; the last one of a retired version ends it."""
        with self._lock:
            self._calls -= 1
            ended = self._on_idle if self._calls == 0 else None
        if ended is not None:
            ended()

    def retire(self, on_idle: Callable[[], None]) -> None:
        """Have `on_idle` called once no call is left; no more calls may enter."""
        with self._lock:
            self._on_idle = on_idle
            idle = self._calls == 0
        if idle:
            on_idle()

    def _signature(self, name: str) -> Signature:
        if name not in self.signatures:
            raise InvalidArgumentError(
                f'Serving signature name: "{name}" not found in signature def; {self.model} version '
                f"{self.version} has {', '.join(sorted(self.signatures)) or 'none'}"
            )
        return self.signatures[name]


def load(model: str, version: int, folder: Path, *, max_tensor_bytes: int) -> Servable:
    """Load a SavedModel and warm it up by its own records, if it has any.

    Raises:
        ServingError: if the folder holds no SavedModel for serving.
        CallError: if a warm-up record cannot be answered.
        Exception: whatever TensorFlow raises over a SavedModel that it cannot load.
    """
    definitions = _read_signature_definitions(folder / SAVED_MODEL_FILE)
    saved_model = tf.saved_model.load(str(folder), tags=[SERVE_TAG])
    servable = Servable(
        model=model,
        version=version,
        definitions=definitions,
        signatures={
            name: Signature.of(name, definitions[name], function, max_bytes=max_tensor_bytes)
            for name, function in saved_model.signatures.items()
        },
        _saved_model=saved_model,
    )
    records = folder / WARM_UP_FILE
    if records.is_file():
        count = servable.warm_up(records)
        logger.info("%s version %d: warmed up by %d records", model, version, count)
    return servable


def _read_signature_definitions(path: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    try:
        message = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except FileNotFoundError as error:
        raise ServingError(f"{path.parent} is no SavedModel: it has no {path.name}") from error
    except (OSError, DecodeError) as error:
        raise ServingError(f"{path} cannot be read: {error}") from error
    for graph in message.meta_graphs:
        if SERVE_TAG in graph.meta_info_def.tags:
            return dict(graph.signature_def)
    raise ServingError(f"{path} has no graph with the tag {SERVE_TAG!r}")


def _read_records(path: Path) -> list[prediction_log_pb2.PredictionLog]:
    try:
        records = tf.data.TFRecordDataset(str(path)).take(MAX_WARM_UP_RECORDS + 1)
        logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records.as_numpy_iterator()]
    except (tf.errors.OpError, DecodeError) as error:
        raise ServingError(f"the warm-up records {path} cannot be read: {error}") from error
    if len(logs) > MAX_WARM_UP_RECORDS:
        raise ServingError(f"{path} has more than {MAX_WARM_UP_RECORDS} warm-up records")
    return logs
