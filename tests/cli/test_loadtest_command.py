"""`kzoo loadtest` as a person runs it, against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from test_command import kzoo

from kzoo.files import folder_written_aside
from kzoo.serving import ServerConfig, serve


class Brightness(tf.Module):
    """The mean of an encoded image's pixels."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def mean(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"mean": tf.reduce_mean(tf.cast(tf.io.decode_png(image_bytes[0]), tf.float32))}


@pytest.mark.slow
def test_loadtest_prints_figures_and_writes_its_files(tmp_path: Path) -> None:
    model = Brightness()
    with folder_written_aside(tmp_path / "models" / "brightness" / "1") as aside:
        tf.saved_model.save(model, str(aside), signatures={"serving_default": model.mean})
    (tmp_path / "pictures").mkdir()
    PIL.Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "pictures" / "black.png")
    with serve(ServerConfig(tmp_path / "models", port=0)) as server:
        assert server.wait_until_loaded(60)
        options = ["--server", server.address, "--duration", 1, "--warm-up", 0.2, "--json"]
        files = ["--csv", "calls.csv", "--picture", "calls.png"]
        done = kzoo("loadtest", "brightness", "pictures", "--rate", 20, *options, *files, folder=tmp_path)
        refused = kzoo("loadtest", "brightness", "--clients", 1, "--rate", 5, *options, folder=tmp_path)
        unknown = kzoo("loadtest", "darkness", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["statuses"] == {"OK": found["calls"]}
    assert len((tmp_path / "calls.csv").read_text().splitlines()) == found["calls"] + 1
    assert PIL.Image.open(tmp_path / "calls.png").format == "PNG"
    assert (refused.returncode, unknown.returncode) == (2, 6)
    assert "expected clients or a rate" in refused.stderr
    assert "darkness" in unknown.stderr
