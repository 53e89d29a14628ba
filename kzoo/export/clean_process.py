"""Answer the requests of exports in processes that can import neither kzoo nor Keras.

Run as a script: `python -P clean_process.py`. It imports TensorFlow, which takes longer than most of what it
is asked. Then, for each line [EXPORT, REQUESTS, ANSWERS] of JSON that it reads, it forks a process that loads
the SavedModel in folder EXPORT, answers the PredictionLog messages in file REQUESTS, and writes into folder
ANSWERS the messages with their responses (answers.tfrecord), what the signatures take and give
(signatures.json), and what it said (log.txt); and it prints the exit code of that process. It ends with its
standard input.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

REFUSED = ("kzoo", "keras", "tf_keras")


def main() -> None:
    """Do what the module says."""
    for package in REFUSED:
        sys.modules[package] = None  # type: ignore[assignment]  # as if it were not installed
    import tensorflow  # noqa: F401  before it is forked
    import tensorflow_serving.apis.prediction_log_pb2  # noqa: F401

    for line in sys.stdin:
        sys.stdout.write(f"{in_a_fork(*map(Path, json.loads(line)))}\n")
        sys.stdout.flush()


def in_a_fork(export: Path, requests: Path, answers: Path) -> int:
    """Answer in a process of its own and return its exit code, minus the number of a signal that ended it."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    log = os.open(answers / "log.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    answer(export, requests, answers)
    os._exit(0)


def answer(export: Path, requests: Path, answers: Path) -> None:
    """Answer all requests of a file."""
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    signatures = tf.saved_model.load(str(export)).signatures
    with tf.io.TFRecordWriter(str(answers / "answers.tfrecord")) as writer:
        for record in tf.data.TFRecordDataset(str(requests)):
            log = PredictionLog.FromString(record.numpy())
            request, response = log.predict_log.request, log.predict_log.response
            inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
            for name, value in signatures[request.model_spec.signature_name](**inputs).items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())
    description = {
        name: {
            "inputs": {key: describe(spec) for key, spec in one.structured_input_signature[1].items()},
            "outputs": {key: describe(spec) for key, spec in one.structured_outputs.items()},
        }
        for name, one in signatures.items()
    }
    (answers / "signatures.json").write_text(json.dumps(description), encoding="utf-8")


def describe(spec: Any) -> dict[str, Any]:
    """Return dtype and shape of a TensorSpec as JSON values."""
    return {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}


if __name__ == "__main__":
    main()
