from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from serving_helpers import SIZE, WARM_UP, write_model
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from kzoo.errors import ServingError
from kzoo.serving.call import Progress
from kzoo.serving.config import InputLimits
from kzoo.serving.inference import predict
from kzoo.serving.loading import MAX_WARM_UP_RECORDS, load
from kzoo.serving.servable import Servable
from kzoo.serving.tensors import to_array, to_proto

LIMIT = 1 << 20
LIMITS = InputLimits(LIMIT, max_rows=8, max_pixels=1 << 20)
IMAGE = np.zeros((1, SIZE, SIZE, 3), np.float32)


class Scaler(tf.Module):
    """A model with an input that may be left out."""

    @tf.function(
        input_signature=[tf.TensorSpec([None], name="x"), tf.TensorSpec([], tf.float32, name="factor")]
    )
    def scale(self, x: tf.Tensor, factor: tf.Tensor = tf.constant(3.0)) -> dict[str, tf.Tensor]:  # noqa: B008
        return {"y": x * factor}


def load_version(folder: Path) -> Servable:
    return load("tiny", 1, folder, LIMITS)


def write_records(folder: Path, logs: list[PredictionLog]) -> None:
    (folder / WARM_UP).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / WARM_UP)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


def test_an_input_with_a_default_may_be_left_out(tmp_path: Path) -> None:
    model = Scaler()
    tf.saved_model.save(model, str(tmp_path), signatures={"serving_default": model.scale})
    servable = load_version(tmp_path)
    request = PredictRequest()
    request.inputs["x"].CopyFrom(to_proto(np.array([1, 2], np.float32)))
    answer = predict(servable, request, Progress()).outputs["y"]
    assert to_array(answer, max_bytes=LIMIT).tolist() == [3, 6]
    request.inputs["factor"].CopyFrom(to_proto(np.array(5, np.float32)))
    answer = predict(servable, request, Progress()).outputs["y"]
    assert to_array(answer, max_bytes=LIMIT).tolist() == [5, 10]


def test_records_of_other_methods_are_passed_over_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_model(tmp_path / "1", seed=1)
    session, tensors = PredictionLog(), PredictionLog()
    session.session_run_log.request.model_spec.name = "tiny"
    tensors.predict_log.request.model_spec.signature_name = "serving_tensor"
    tensors.predict_log.request.inputs["image"].CopyFrom(to_proto(IMAGE))
    write_records(folder, [session, tensors])
    with caplog.at_level("INFO"):
        load_version(folder)
    assert "record 0 is a session_run_log, not answered" in caplog.text
    assert "warmed up by 1 records" in caplog.text


def test_more_records_than_tensorflow_serving_takes_are_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "1", seed=1)
    write_records(folder, [PredictionLog()] * (MAX_WARM_UP_RECORDS + 1))
    with pytest.raises(ServingError, match=f"more than {MAX_WARM_UP_RECORDS} warm-up records"):
        load_version(folder)


def test_a_folder_without_a_savedmodel_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"is no SavedModel: it has no saved_model\.pb"):
        load_version(tmp_path)


def test_a_retired_version_ends_with_its_last_call(tmp_path: Path) -> None:
    servable = load_version(write_model(tmp_path / "1", seed=1))
    ended: list[str] = []
    servable.enter()
    servable.enter()
    servable.retire(lambda: ended.append("ended"))
    servable.leave()
    assert ended == []
    servable.leave()
    assert ended == ["ended"]
