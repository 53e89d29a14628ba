"""Does the SavedModel on disk answer as the Keras model does, where there is neither kzoo nor Keras?"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kzoo.errors import ExportError
from kzoo.export.card import Endpoint, Verification
from kzoo.export.clean_answers import ask_clean_process
from kzoo.export.requests import Request
from kzoo.system import Signature

TOLERANCES = {"float64": 1e-6, "float32": 1e-5, "float16": 5e-3, "bfloat16": 3e-2}
"""Largest difference of an output, absolute and relative, by the narrowest dtype that a layer computes in.

Graphs are rewritten when they are loaded (operations fused, constants folded), so that intermediate results
are rounded in other places. Half precision rounds to 2^-11 (float16) or 2^-8 (bfloat16); its bounds allow a
few such roundings one after the other.
"""
TIES = 0.001

Answer = Mapping[str, np.ndarray]


def verify(
    model: keras.Model,
    signatures: Mapping[str, Signature],
    requests: Sequence[Request],
    export: Path,
    records: Path,
) -> tuple[Verification, dict[str, Endpoint]]:
    """Compare the answers of the SavedModel in `export` with those of the signatures' own functions.

    Both compute on the CPU. Names (string outputs) are compared where the numbers of the same shape that
    stand beside them are further apart than the tolerance; nearer ones are ties, whose order may differ.

    Args:
        model: what the signatures call; its layers tell the tolerance.
        signatures, requests: what is asked.
        export: folder of the SavedModel.
        records: file that `write_requests` made of `requests`.

    Returns:
        The result, and the endpoints as the loaded SavedModel describes them.

    Raises:
        ExportError: if the SavedModel cannot be loaded or asked, or an answer differs by more than the
            tolerance.
    """
    compute_dtype = narrowest_compute_dtype(model)
    tolerance = TOLERANCES[compute_dtype]
    received, endpoints = _answers_of_clean_process(export, records)
    largest = 0.0
    for request, answer in zip(requests, received, strict=True):
        with tf.device("CPU:0"):
            signature = signatures[request.signature]
            expected = signature.function(*(request.inputs[spec.name] for spec in signature.inputs))
        values = {name: value.numpy() for name, value in expected.items()}
        largest = max(largest, compare(request, values, answer, tolerance))
    result = Verification(
        requests=len(requests), compute_dtype=compute_dtype, tolerance=tolerance, largest_difference=largest
    )
    return result, endpoints


def narrowest_compute_dtype(model: keras.Model) -> str:
    """Return the dtype with the fewest digits that a layer of `model` computes in, one of TOLERANCES.

    Raises:
        ExportError: if a layer computes in a dtype without a tolerance, as a quantised one.
    """
    found = {layer.compute_dtype for layer in model.layers}
    if unknown := sorted(found - set(TOLERANCES)):
        raise ExportError(f"layers compute in {', '.join(unknown)}; expected {', '.join(TOLERANCES)}")
    return max(found, key=list(TOLERANCES).index)


def _answers_of_clean_process(export: Path, records: Path) -> tuple[list[Answer], dict[str, Endpoint]]:
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    with tempfile.TemporaryDirectory(prefix="kzoo-verify-") as answers:
        ask_clean_process(export, records, Path(answers))
        logs = [
            PredictionLog.FromString(record.numpy()).predict_log
            for record in tf.data.TFRecordDataset(f"{answers}/answers.tfrecord")
        ]
        description = json.loads(Path(answers, "signatures.json").read_text(encoding="utf-8"))
    answered: list[Answer] = [
        {name: tf.make_ndarray(value) for name, value in log.response.outputs.items()} for log in logs
    ]
    return answered, {name: Endpoint.model_validate(one) for name, one in description.items()}


def compare(request: Request, expected: Answer, received: Answer, tolerance: float) -> float:
    """Return the largest difference of the numbers in two answers to `request`.

    Raises:
        ExportError: if names, shapes or labels differ, or numbers by more than `tolerance`, absolute and
            relative.
    """
    where = f"signature {request.signature!r}"
    if expected.keys() != received.keys():
        raise ExportError(f"{where}: expected outputs {sorted(expected)}; the export has {sorted(received)}")
    largest = 0.0
    for name, value in expected.items():
        other = received[name]
        if value.shape != other.shape:
            raise ExportError(
                f"{where}: {name} should have shape {value.shape}; the export has {other.shape}"
            )
        if value.dtype.kind in "OS":
            apart = _further_apart(value.shape, expected, 2 * tolerance)
            differs = (value.astype(bytes) != other.astype(bytes)) & apart
            if differs.any():
                raise ExportError(
                    f"{where}: {name} should be {value[differs][0]!r}; it is {other[differs][0]!r}"
                )
            continue
        if value.dtype.kind in "iu":
            _require_same_labels(where, name, value, other)
            continue
        if not np.allclose(value, other, rtol=tolerance, atol=tolerance):
            difference = np.abs(value - other).max()
            raise ExportError(
                f"{where}: {name} differs by {difference:.3g} from what the Keras model gives; at most "
                f"{tolerance} was expected"
            )
        largest = max(largest, float(np.abs(value - other).max(initial=0.0)))
    return largest


def _require_same_labels(where: str, name: str, expected: np.ndarray, received: np.ndarray) -> None:
    """Raise ExportError if more than a share of TIES of the labels differ: scores may be nearly equal."""
    share = float(np.mean(expected != received))
    if share > TIES:
        raise ExportError(
            f"{where}: {share:.2%} of {name} differ from what the Keras model gives; at most {TIES:.2%}, as "
            "ties, was expected"
        )


def _further_apart(shape: tuple[int, ...], answer: Answer, distance: float) -> np.ndarray:
    """Say for each name, best first in its row, whether its score is `distance` away from its neighbours'.

    Beyond the last of a row there may be an equal one that is not shown, so the last is never far away.
    """
    scores = [one for one in answer.values() if one.shape == shape and one.dtype.kind == "f"]
    if not scores:
        return np.ones(shape, bool)
    gaps = np.abs(np.diff(scores[0], axis=-1)) > distance
    apart = np.ones(shape, bool)
    apart[..., 1:] &= gaps
    apart[..., :-1] &= gaps
    apart[..., -1] = False
    return apart
