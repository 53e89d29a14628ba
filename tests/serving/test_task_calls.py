"""The calls of tasks against real SavedModels of their signatures, and the pictures of the answers."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from serving_helpers import IMAGE_BYTES, TEXT, StartServer, png

from kzoo.errors import DataError, UsageError
from kzoo.files import folder_written_aside
from kzoo.serving import AsyncClient, Client, task_calls
from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.results import Neighbours, class_colours
from kzoo.serving.streaming import images_in, stream, stream_async

PERSON = tf.TensorSpec([None], tf.string, name="person")
CLOTHES = tf.TensorSpec([None], tf.string, name="clothes")
K = tf.TensorSpec([], tf.int32, name="k")


class Tasks(tf.Module):
    """Signatures of what the zoo's systems answer, each computed from the pixels that it is given."""

    def __init__(self, files: list[str]) -> None:
        super().__init__()
        self.files = tf.constant([json.dumps({"path": path}) for path in files])

    @tf.function(input_signature=[IMAGE_BYTES])
    def segment(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        labels = tf.argmax(_decoded(image_bytes), axis=-1, output_type=tf.int32)
        return {"labels": labels, "class_names": tf.constant(["red", "green", "blue"])}

    @tf.function(input_signature=[IMAGE_BYTES])
    def edges(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"edges": tf.reduce_mean(tf.cast(_decoded(image_bytes), tf.float32), -1, keepdims=True) / 255}

    @tf.function(input_signature=[IMAGE_BYTES])
    def a_to_b(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image": 255 - _decoded(image_bytes)}

    @tf.function(input_signature=[IMAGE_BYTES])
    def b_to_a(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image": tf.expand_dims(tf.io.encode_png(255 - _decoded(image_bytes)[0]), 0)}

    @tf.function(input_signature=[PERSON, CLOTHES])
    def swap(self, person: tf.Tensor, clothes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image": tf.concat([_decoded(person)[:, :4], _decoded(clothes)[:, 4:]], axis=1)}

    @tf.function(input_signature=[IMAGE_BYTES, K])
    def search(self, image_bytes: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        places = tf.range(tf.reduce_min([k, tf.size(self.files)]))[None]
        scores = 1 - tf.cast(places, tf.float32) / 4
        return {
            "ids": tf.strings.as_string(places),
            "scores": scores,
            "metadata": tf.gather(self.files, places),
        }

    @tf.function(input_signature=[TEXT])
    def embed_text(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": tf.cast(tf.strings.length(text), tf.float32)[:, None]}


def _decoded(image_bytes: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(image_bytes[0], channels=3, expand_animations=False)[None]


def pixels(encoded: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(encoded)))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{number}.png" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(png(number))
    return paths


@pytest.fixture(scope="module")
def asked(files: list[Path], tmp_path_factory: pytest.TempPathFactory, start_server: StartServer) -> Iterator:
    base = tmp_path_factory.mktemp("tasks")
    tasks = Tasks([str(path) for path in files[:3]])
    defaults = {"segmenter": tasks.segment, "edger": tasks.edges, "swapper": tasks.swap}
    others = {name: getattr(tasks, name) for name in ("a_to_b", "b_to_a", "search", "embed_text")}
    for name, default in {**defaults, "others": tasks.a_to_b}.items():
        with folder_written_aside(base / name / "1") as aside:
            more = others if name == "others" else {}
            tf.saved_model.save(tasks, str(aside), signatures={"serving_default": default, **more})
    with Client(start_server(base).address) as client:
        for name in (*defaults, "others"):
            client.wait_until_ready(name)
        yield client


def test_segmentation_is_labels_names_and_an_overlay(asked: Client, tmp_path: Path) -> None:
    answer = asked.segment("segmenter", png(3))
    assert answer.labels.tolist() == pixels(png(3)).argmax(-1).tolist()
    assert answer.class_names == ("red", "green", "blue")
    shown = np.asarray(PIL.Image.open(answer.save(tmp_path / "overlay.png"))).astype(int)
    expected = (pixels(png(3)).astype(int) + class_colours(3)[answer.labels]) / 2
    assert np.abs(shown[:8, :8] - expected).max() <= 1
    assert shown.shape[0] > 8, "a legend stands below"


def test_edges_are_a_map_drawn_dark_on_white(asked: Client) -> None:
    answer = asked.edges("edger", png(2))
    expected = pixels(png(2)).mean(-1) / 255
    np.testing.assert_allclose(answer.edges, expected, atol=1e-6)
    assert np.abs(np.asarray(answer.picture())[..., 0] - 255 * (1 - expected)).max() <= 0.51


@pytest.mark.parametrize("direction", ["a_to_b", "b_to_a"])
def test_translation_comes_as_pixels_or_as_a_file(asked: Client, direction: str) -> None:
    answer = asked.translate("others", png(4), direction=direction)
    assert answer.pixels.tolist() == (255 - pixels(png(4))).tolist()
    assert np.asarray(answer.picture()).tolist() == answer.pixels.tolist()
    assert np.asarray(answer.comparison())[:, :8].tolist() == pixels(png(4)).tolist()


def test_swap_takes_its_images_by_name(asked: Client) -> None:
    answer = asked.swap("swapper", {"person": png(1), "clothes": png(2)})
    assert answer.pixels.tolist() == [*pixels(png(1))[:4].tolist(), *pixels(png(2))[4:].tolist()]


def test_search_gives_neighbours_and_a_contact_sheet(asked: Client, files: list[Path]) -> None:
    answer = asked.search("others", png(0), k=2)
    assert answer.ids == ("0", "1")
    assert answer.scores.tolist() == [1.0, 0.75]
    assert answer.metadata == ({"path": str(files[0])}, {"path": str(files[1])})
    sheet = np.asarray(answer.picture())
    assert sheet[:8, :8].tolist() == pixels(png(0)).tolist()
    lost = Neighbours(("1",), np.ones(1), ({"label": "cat"},))
    with pytest.raises(DataError, match="expected metadata with a path"):
        lost.picture()


def test_texts_are_embedded_as_utf8(asked: Client) -> None:
    assert asked.embed_text("others", ["cat", "né"]).tolist() == [[3.0], [3.0]]


def test_a_classification_is_drawn_with_its_classes(client: Client, tmp_path: Path) -> None:
    answer = client.classify("tiny", [png(1, (20, 30))])[0]
    shown = np.asarray(answer.picture())
    assert shown[:20, :30].tolist() == pixels(png(1, (20, 30))).tolist()
    assert shown.shape[0] == 20 + 16 * len(answer.best)
    with pytest.raises(UsageError, match=r"expected a path in \.png"):
        answer.save(tmp_path / "answer.gif")


def test_a_folder_is_answered_in_order_and_a_bad_file_stops_nothing(asked: Client, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02}.png").write_bytes(png(number) if number != 5 else b"no image")
    paths = images_in(tmp_path)
    answers = list(stream(asked, lambda path: task_calls.edges("edger", path), paths, concurrency=3))
    assert [answer.path for answer in answers] == paths
    assert [place for place, answer in enumerate(answers) if answer.error is not None] == [5]
    assert isinstance(answers[5].error, InvalidArgumentError)
    assert answers[7].answer is not None
    np.testing.assert_allclose(answers[7].answer.edges, pixels(png(7)).mean(-1) / 255, atol=1e-6)
    with pytest.raises(InvalidArgumentError):
        list(stream(asked, lambda path: task_calls.edges("edger", path), paths, stop_on_error=True))

    async def awaited() -> list[bool]:
        async with AsyncClient(asked.address) as client:
            found = stream_async(client, lambda path: task_calls.edges("edger", path), paths, concurrency=3)
            return [answer.error is None async for answer in found]

    assert asyncio.run(awaited()) == [number != 5 for number in range(12)]


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no image"):
        images_in(tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        images_in(tmp_path / "lost")
