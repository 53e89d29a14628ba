"""Batching in this process, by TensorFlow's batcher itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving_helpers import png, strings, write_model
from serving_models import predict_request, spec_of, write_calculator

from kzoo.serving.batching import MAX_QUEUES
from kzoo.serving.batching_parameters import BatchingParameters
from kzoo.serving.call import Progress
from kzoo.serving.config import InputLimits
from kzoo.serving.errors import CallError, InvalidArgumentError, ResourceExhaustedError
from kzoo.serving.inference import predict
from kzoo.serving.loading import load
from kzoo.serving.servable import Servable
from kzoo.serving.tensors import to_array

LIMITS = InputLimits(1 << 24, max_rows=64, max_pixels=1 << 20)
WAITING = BatchingParameters(max_batch_size=8, batch_timeout_micros=100_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_calculator(tmp_path_factory.mktemp("calculator") / "1", factor=3)


@pytest.fixture(scope="module")
def alone(folder: Path) -> Servable:
    return load("calculator", 1, folder, LIMITS)


@pytest.fixture(scope="module")
def batched(folder: Path) -> Servable:
    return load("calculator", 1, folder, LIMITS, WAITING)


def ask(servable: Servable, signature: str, **inputs: Any) -> tuple[dict[str, np.ndarray], Progress]:
    progress = Progress()
    response = predict(servable, predict_request(spec_of("m", signature), **inputs), progress)
    return {name: to_array(proto, max_bytes=1 << 24) for name, proto in response.outputs.items()}, progress


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """The results of calls made at the same time, errors of theirs among them."""

    def attempt(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except CallError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(attempt, calls))


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_calls_that_come_together_run_together_and_each_gets_its_own_rows(batched: Servable) -> None:
    inputs = [floats(*range(n, n + rows)) for n, rows in enumerate([1, 2, 3, 2])]
    answers = together([lambda x=x: ask(batched, "scale", x=x) for x in inputs])
    for x, (outputs, progress) in zip(inputs, answers, strict=True):
        assert outputs["y"].tolist() == (x * 3).tolist()
        assert progress.batch_size == 8
        assert 0 <= progress.queue_seconds < 60


def test_batches_are_filled_up_to_the_sizes_allowed(folder: Path) -> None:
    sizes = BatchingParameters(8, 10_000, allowed_batch_sizes=(4, 8))
    outputs, progress = ask(load("calculator", 1, folder, LIMITS, sizes), "scale", x=floats(1, 2, 5))
    assert outputs["y"].tolist() == [3, 6, 15]
    assert progress.batch_size == 4


def test_a_bad_call_does_not_spoil_the_answers_of_its_batch(batched: Servable) -> None:
    inputs = [floats(1), floats(-1), floats(2, 3), floats(4, -4)]
    good, bad, also_good, also_bad = together([lambda x=x: ask(batched, "scale", x=x) for x in inputs])
    assert good[0]["y"].tolist() == [3]
    assert also_good[0]["y"].tolist() == [6, 9]
    for error in (bad, also_bad):
        assert isinstance(error, InvalidArgumentError)
        assert "must not be negative" in str(error)


def test_many_mixed_calls_get_what_they_get_alone(alone: Servable, folder: Path) -> None:
    servable = load("calculator", 1, folder, LIMITS, BatchingParameters(max_batch_size=8))
    generator = np.random.default_rng(0)
    inputs = [generator.normal(1.5, 1, generator.integers(1, 11)).astype(np.float32) for _ in range(400)]

    def outcome(servable: Servable, x: np.ndarray) -> Any:
        try:
            return ask(servable, "scale", x=x)[0]["y"].tobytes()
        except InvalidArgumentError:
            return "refused"

    expected = [outcome(alone, x) for x in inputs]
    assert 0 < expected.count("refused") < 400
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda x: outcome(servable, x), inputs)) == expected


def test_images_of_each_size_are_batched_with_their_like(batched: Servable, alone: Servable) -> None:
    generator = np.random.default_rng(0)
    sizes = [(1, 4, 5, 3), (2, 4, 5, 3), (1, 6, 5, 3), (1, 6, 5, 3)]
    images = [generator.uniform(0, 255, size).astype(np.float32) for size in sizes]
    answers = together([lambda image=image: ask(batched, "brightness", image=image) for image in images])
    assert [progress.batch_size for _, progress in answers] == [3, 3, 2, 2]
    for image, (outputs, _) in zip(images, answers, strict=True):
        expected, _ = ask(alone, "brightness", image=image)
        assert {name: array.tobytes() for name, array in outputs.items()} == {
            name: array.tobytes() for name, array in expected.items()
        }


def test_sizes_beyond_the_number_of_queues_are_run_alone(folder: Path) -> None:
    servable = load("calculator", 1, folder, LIMITS, BatchingParameters(8, 1))
    for width in range(1, MAX_QUEUES + 4):
        outputs, _ = ask(servable, "brightness", image=np.full((1, 2, width, 3), 7, np.float32))
        assert outputs["mean"].tolist() == [7]


def test_two_models_and_two_loads_of_one_never_share_a_queue(folder: Path, tmp_path: Path) -> None:
    other = write_calculator(tmp_path / "1", factor=10)
    servables = [load("m", 1, path, LIMITS, WAITING) for path in (folder, other, folder, other)]
    answers = together([lambda s=s: ask(s, "scale", x=floats(1)) for s in servables])
    assert [outputs["y"].item() for outputs, _ in answers] == [3, 10, 3, 10]
    assert [progress.batch_size for _, progress in answers] == [1, 1, 1, 1]


def test_a_full_queue_refuses(folder: Path) -> None:
    tight = BatchingParameters(1, batch_timeout_micros=1, max_enqueued_batches=1, num_batch_threads=1)
    servable = load("calculator", 1, folder, LIMITS, tight)
    calls = [lambda: ask(servable, "work", x=floats(2), rounds=np.array([60], np.int32))] * 6
    outcomes = together(calls)
    refused = [outcome for outcome in outcomes if isinstance(outcome, ResourceExhaustedError)]
    answered = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert len(refused) + len(answered) == 6
    assert refused
    assert "the batching queue of calculator/1/work is full" in str(refused[0])
    assert [outputs["y"].item() for outputs, _ in answered] == [6] * len(answered)


def test_what_has_no_row_for_each_row_is_run_alone(
    batched: Servable, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        outputs, _ = ask(batched, "distinct", x=floats(1, 2, 2))
        assert outputs["y"].tolist() == [1, 2]
    assert caplog.text.count("calculator/1/distinct is not batched") == 1
    assert ask(batched, "scale", x=floats())[0]["y"].tolist() == []
    assert ask(batched, "scale", x=floats(*range(20)))[0]["y"].tolist() == [3 * n for n in range(20)]
    outputs, _ = ask(batched, "work", x=floats(1, 2), rounds=np.array([1], np.int32))
    assert outputs["y"].tolist() == [3, 6]


def test_a_call_that_finds_no_other_at_work_does_not_wait(folder: Path) -> None:
    servable = load("calculator", 1, folder, LIMITS, BatchingParameters())
    ask(servable, "scale", x=floats(1))
    outputs, progress = ask(servable, "scale", x=floats(1, 2))
    assert outputs["y"].tolist() == [3, 6]
    assert (progress.batch_size, progress.queue_seconds) == (2, 0)


def test_the_first_call_makes_its_queue_and_goes_through_it(folder: Path) -> None:
    servable = load(
        "calculator", 1, folder, LIMITS, BatchingParameters(max_batch_size=4, allowed_batch_sizes=(4,))
    )
    sizes = [ask(servable, "scale", x=floats(1))[1].batch_size for _ in range(3)]
    assert sizes == [4, 1, 1], "a batch is filled up to 4 rows; a call alone is not"


def test_images_that_cannot_be_decoded_do_not_spoil_those_that_can(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "1", seed=1)
    one, many = load("tiny", 1, folder, LIMITS), load("tiny", 1, folder, LIMITS, WAITING)
    values = [png(1), b"no image", png(2, (5, 9)), png(3)[:40]]
    outcomes = together([lambda v=v: ask(many, "serving_default", image_bytes=strings(v)) for v in values])
    for place in (0, 2):
        expected, _ = ask(one, "serving_default", image_bytes=strings(values[place]))
        assert outcomes[place][0]["probabilities"].tolist() == expected["probabilities"].tolist()
    assert all(isinstance(outcomes[place], InvalidArgumentError) for place in (1, 3))


def test_too_many_rows_and_too_many_pixels_are_refused(alone: Servable, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="'x' may have at most 64 rows; received 65"):
        ask(alone, "scale", x=np.zeros(65, np.float32))
    tiny = load("tiny", 1, write_model(tmp_path / "1", seed=1), InputLimits(1 << 20, 64, max_pixels=99))
    ask(tiny, "serving_default", image_bytes=strings(png(1, (9, 11))))
    with pytest.raises(InvalidArgumentError, match="image 1 is of 10 x 10 pixels; at most 99 are decoded"):
        ask(tiny, "serving_default", image_bytes=strings(png(1), png(1, (10, 10))))
