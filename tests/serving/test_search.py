"""`search` of a model with an index beside it, over a real server: one call, one version with the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from serving_helpers import StartServer, png, strings, write_model
from tensorflow.core.protobuf import saved_model_pb2
from typer.testing import CliRunner

from kzoo.cli import app
from kzoo.errors import ServingError
from kzoo.retrieval import Index, MilvusIndex
from kzoo.serving import Client
from kzoo.serving.call import Progress
from kzoo.serving.config import InputLimits
from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.loading import load
from kzoo.serving.search import search_of
from kzoo.serving.signature import Signature, graph_runner

NUMBERS = range(12)


def vectors_of(version: Path) -> np.ndarray:
    embed = tf.saved_model.load(str(version)).signatures["embed"]
    return embed(image_bytes=tf.constant([png(number) for number in NUMBERS]))["embedding"].numpy()


def gallery(version: Path) -> dict[str, object]:
    return {
        "vectors": vectors_of(version),
        "ids": [f"picture {number}" for number in NUMBERS],
        "metadata": [{"number": number} for number in NUMBERS],
        "model": version.parent.name,
        "model_version": version.name,
    }


def test_search_answers_in_one_call_and_changes_with_its_version(
    start_server: StartServer, tmp_path: Path
) -> None:
    version = write_model(tmp_path / "staging" / "tiny" / "1", seed=1)
    Index.build(**gallery(version)).save(version / "index")
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    version.rename(tmp_path / "models" / "tiny" / "1")
    server = start_server(tmp_path / "models", "--poll-seconds", "0.2")
    asked = {"image_bytes": strings(png(3), png(7))}
    with Client(server.address) as client:
        client.wait_until_ready("tiny", version=1)
        found = client.predict("tiny", {**asked, "k": np.array(4, np.int32)}, signature="search")
        assert found["ids"].shape == found["scores"].shape == found["metadata"].shape == (2, 4)
        assert found["ids"][:, 0].tolist() == [b"picture 3", b"picture 7"]
        np.testing.assert_allclose(found["scores"][:, 0], 1, atol=1e-5)
        assert json.loads(found["metadata"][1, 0]) == {"number": 7}
        assert client.predict("tiny", asked, signature="search")["ids"].shape == (2, 10)
        with pytest.raises(InvalidArgumentError, match="k is 13; expected 1 to 12"):
            client.predict("tiny", {**asked, "k": np.array(13, np.int32)}, signature="search")
        (tmp_path / "seven.png").write_bytes(png(7))
        command = ["search", "tiny", "--server", server.address, "--image", str(tmp_path / "seven.png")]
        ended = CliRunner().invoke(app, [*command, "-k", "2", "--json"])
        assert ended.exit_code == 0, ended.output
        (answer,) = json.loads(ended.stdout)
        assert len(answer["neighbours"]) == 2
        assert answer["neighbours"][0]["id"] == "picture 7"
        assert answer["neighbours"][0]["metadata"] == {"number": 7}
        following = write_model(tmp_path / "staging" / "tiny" / "2", seed=2)
        second = gallery(following) | {"ids": [f"second {number}" for number in NUMBERS]}
        Index.build(**second).save(following / "index")
        following.rename(tmp_path / "models" / "tiny" / "2")
        client.wait_until_ready("tiny", version=2)
        found = client.predict("tiny", {**asked, "k": np.array(1, np.int32)}, signature="search")
        assert found["ids"].tolist() == [[b"second 3"], [b"second 7"]]


def test_an_index_that_does_not_fit_its_model_is_refused(tmp_path: Path) -> None:
    version = write_model(tmp_path / "tiny" / "1", seed=1)
    Index.build(**gallery(version) | {"model_version": "2"}).save(version / "index")

    limits = InputLimits(max_tensor_bytes=1 << 20, max_rows=64, max_pixels=1 << 20)
    message = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    definition = message.meta_graphs[0].signature_def["embed"]
    function = tf.saved_model.load(str(version)).signatures["embed"]
    embed = Signature.of("embed", definition, graph_runner(function), limits)
    with pytest.raises(ServingError, match="made by tiny version 2; expected model_version '1'"):
        search_of("tiny", 1, version, {"embed": definition}, {"embed": embed}, limits)
    with pytest.raises(ServingError, match="expected a model with a signature 'embed'"):
        search_of("tiny", 1, version, {}, {}, limits)


def test_a_collection_of_milvus_is_searched_as_a_folder_is(tmp_path: Path) -> None:
    version = write_model(tmp_path / "tiny" / "1", seed=1)
    uri = f"milvus://{tmp_path}/gallery.db/pictures"
    MilvusIndex.build(uri, **gallery(version)).close()
    (version / "index.uri").write_text(uri)

    limits = InputLimits(max_tensor_bytes=1 << 20, max_rows=64, max_pixels=1 << 20)
    servable = load("tiny", 1, version, limits)
    found = servable.signatures["search"].run(
        {"image_bytes": np.array([png(3)], object), "k": np.array(2, np.int32)}, Progress()
    )
    assert found["ids"][0, 0] == b"picture 3"


@pytest.mark.skipif(tf.__version__.startswith("2.20."), reason="ScaNN's operation can be loaded here")
def test_a_graph_with_operations_of_scann_is_refused_where_they_cannot_be_loaded(tmp_path: Path) -> None:
    version = write_model(tmp_path / "tiny" / "1", seed=1)
    path = version / "saved_model.pb"
    message = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    message.meta_graphs[0].meta_info_def.stripped_op_list.op.add(name="Scann>ScannSearchBatched")
    path.write_bytes(message.SerializeToString())
    with pytest.raises(ServingError, match=r"operations of ScaNN in its graph: .*tools/setup\.sh --graph"):
        load("tiny", 1, version, InputLimits(max_tensor_bytes=1 << 20, max_rows=64, max_pixels=1 << 20))
