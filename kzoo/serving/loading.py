"""Reading a version from its folder, and asking it what it was recorded to be asked before it goes live."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from kzoo.errors import RetrievalError, ServingError
from kzoo.serving.batching import BatchedRunner, can_be_batched
from kzoo.serving.batching_parameters import BatchingParameters
from kzoo.serving.call import Progress
from kzoo.serving.config import InputLimits
from kzoo.serving.errors import CallError
from kzoo.serving.inference import classify, multi_inference, predict, regress
from kzoo.serving.search import SEARCH, has_index, search_of
from kzoo.serving.servable import Servable
from kzoo.serving.signature import Runner, Signature, graph_runner, specs_of
from kzoo.serving.versions import SAVED_MODEL_FILE, WARM_UP_FILE

SERVE_TAG = "serve"
SCANN_PREFIX = "Scann>"
MAX_WARM_UP_RECORDS = 1000

_METHODS: Mapping[str, Callable[[Servable, Any, Progress], Any]] = {
    "predict_log": predict,
    "classify_log": classify,
    "regress_log": regress,
    "multi_inference_log": multi_inference,
}

# Told the folder of a version, gRPC's name of how its warm-up ended, and the seconds that it took.
WarmUpObserver = Callable[[str, str, float], None]

logger = logging.getLogger(__name__)


def load(
    model: str,
    version: int,
    folder: Path,
    limits: InputLimits,
    batching: BatchingParameters | None = None,
    on_warm_up: WarmUpObserver | None = None,
) -> Servable:
    """Load a SavedModel, with the index beside it if there is one, and warm it up by its own records.

    Args:
        model, version: its name and number.
        folder: of the version.
        limits: of a request.
        batching: how calls are joined into batches where a signature allows it; None to run each on its own.
        on_warm_up: told of the warm-up once it has ended, well or not.

    Raises:
        ServingError: if the folder holds no SavedModel for serving, or its index does not fit it.
        CallError: if a warm-up record cannot be answered.
        Exception: whatever TensorFlow raises over a SavedModel that it cannot load.
    """
    graph = _read_graph(folder / SAVED_MODEL_FILE)
    definitions = dict(graph.signature_def)
    _load_operations(folder, graph)
    saved_model = tf.saved_model.load(str(folder), tags=[SERVE_TAG])
    signatures = {
        name: Signature.of(
            name,
            definitions[name],
            _runner(f"{model}/{version}/{name}", definitions[name], function, batching),
            limits,
        )
        for name, function in saved_model.signatures.items()
    }
    if has_index(folder):
        found = search_of(model, version, folder, definitions, signatures, limits)
        definitions[SEARCH], signatures[SEARCH] = found
    servable = Servable(
        model=model,
        version=version,
        definitions=definitions,
        signatures=signatures,
        _saved_model=saved_model,
    )
    records = folder / WARM_UP_FILE
    if records.is_file():
        with _timed(folder, on_warm_up):
            count = _warm_up(servable, records)
        logger.info("%s version %d: warmed up by %d records", model, version, count)
    return servable


@contextmanager
def _timed(folder: Path, on_warm_up: WarmUpObserver | None) -> Iterator[None]:
    started, status = time.perf_counter(), "INTERNAL"
    try:
        yield
        status = "OK"
    except CallError as error:
        status = error.status
        raise
    finally:
        if on_warm_up is not None:
            on_warm_up(str(folder), status, time.perf_counter() - started)


def _runner(
    name: str,
    definition: meta_graph_pb2.SignatureDef,
    function: Any,
    batching: BatchingParameters | None,
) -> Runner:
    alone = graph_runner(function)
    if batching is None or not can_be_batched(specs_of(definition.inputs), specs_of(definition.outputs)):
        return alone
    return BatchedRunner(name, function, batching, alone)


def _warm_up(servable: Servable, path: Path) -> int:
    """Answer the recorded requests of a file, and return how many there were.

    Records of session runs are passed over, and the log says so.

    Raises:
        ServingError: if the file cannot be read or holds more than MAX_WARM_UP_RECORDS.
        CallError: if a recorded request cannot be answered.
    """
    answered = 0
    for number, log in enumerate(_read_records(path)):
        kind = log.WhichOneof("log_type")
        if kind not in _METHODS:
            logger.warning("%s: record %d is a %s, not answered", path, number, kind)
            continue
        _METHODS[kind](servable, getattr(log, kind).request, Progress())
        answered += 1
    return answered


def _load_operations(folder: Path, graph: meta_graph_pb2.MetaGraphDef) -> None:
    """Load the operations of ScaNN where a graph has some: TensorFlow brings all others.

    Raises:
        ServingError: if they cannot be loaded beside this TensorFlow.
    """
    if not any(
        operation.name.startswith(SCANN_PREFIX) for operation in graph.meta_info_def.stripped_op_list.op
    ):
        return
    from kzoo.retrieval._scann import scann_operation

    try:
        scann_operation()
    except RetrievalError as error:
        raise ServingError(f"{folder} has operations of ScaNN in its graph: {error}") from error


def _read_graph(path: Path) -> meta_graph_pb2.MetaGraphDef:
    try:
        message = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except FileNotFoundError as error:
        raise ServingError(f"{path.parent} is no SavedModel: it has no {path.name}") from error
    except (OSError, DecodeError) as error:
        raise ServingError(f"{path} cannot be read: {error}") from error
    for graph in message.meta_graphs:
        if SERVE_TAG in graph.meta_info_def.tags:
            return graph
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
