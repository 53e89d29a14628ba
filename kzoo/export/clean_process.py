"""Answer the requests of an export in a process that can import neither kzoo nor Keras.

Run as a script: `python -P clean_process.py EXPORT REQUESTS ANSWERS`. It loads the SavedModel in folder
EXPORT, answers the PredictionLog messages in file REQUESTS, and writes into folder ANSWERS the messages with
their responses (answers.tfrecord) and what the signatures take and give (signatures.json).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

REFUSED = ("kzoo", "keras", "tf_keras")


def main(export: Path, requests: Path, answers: Path) -> None:
    """Do what the module says."""
    for package in REFUSED:
        sys.modules[package] = None  # type: ignore[assignment]  # as if it were not installed
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
    main(*(Path(argument) for argument in sys.argv[1:]))
