"""Two players: whose weights move, what pools give back, when a chain is the vanilla model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo import registry
from kzoo.errors import UsageError
from kzoo.training.adversarial import AdversarialModel
from kzoo.training.image_pool import ImagePool
from kzoo.training.optimizers import ConstantThenLinear
from kzoo.training.sample_grids import SampleGrids
from kzoo.training.tasks import find_task

SMALL = {"residual_blocks": 1, "width": 2, "discriminator_width": 2}


def batch_of(size: int = 24, count: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(-1, 1, (count, size, size, 3)).astype("float32") for name in ("a", "b")}


def player_model(
    name: str, optimizer: keras.optimizers.Optimizer, average_decay: float = 0.0, **options: Any
) -> AdversarialModel:
    keras.utils.set_random_seed(1)
    system = registry.find(name)
    model = kzoo.create(name, **SMALL, **options)
    recipe = system.recipe("house").override(
        ["loss_options.pool_size=3", f"loss_options.average_decay={average_decay}"]
    )
    spec = {key: tf.TensorSpec((None, 24, 24, 3), tf.float32) for key in ("a", "b")}
    fitted = find_task("translation").compile(model, system, recipe, optimizer, (spec, {}))
    fitted.run_eagerly = True  # a few steps of tiny networks are over before a graph of them is made
    return fitted


def test_each_player_moves_its_own_weights_alone() -> None:
    for still, moving in (("generator", "discriminator"), ("discriminator", "generator")):
        model = player_model("nest_cyclegan", keras.optimizers.SGD(0.1))
        frozen = model.optimizer if still == "generator" else model.discriminator_optimizer
        frozen.learning_rate = 0.0
        weights = {"generator": model.generator_weights, "discriminator": model.discriminator_weights}
        before = {player: [weight.numpy() for weight in theirs] for player, theirs in weights.items()}
        model.train_on_batch(batch_of(), {})
        moved = {
            player: [np.any(old != new) for old, new in zip(before[player], weights[player], strict=True)]
            for player in weights
        }
        assert all(moved[moving])
        assert not any(moved[still])
        assert len(weights["generator"]) == 4 * 2 * (3 + 2 + 2 + 1)
        assert len(weights["discriminator"]) == 2 * 2 * 5


def test_a_chain_of_one_is_the_vanilla_model_after_five_steps() -> None:
    vanilla = player_model("cyclegan", keras.optimizers.Adam(1e-2))
    chain = player_model("long_cyclegan", keras.optimizers.Adam(1e-2), generators_ab=1, generators_ba=1)
    for step in range(5):
        for model in (vanilla, chain):
            model.train_on_batch(batch_of(seed=step), {})
    for one, other in zip(vanilla.get_weights(), chain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_losses_of_the_discriminators_are_those_of_equation_8_1() -> None:
    model = player_model("gan", keras.optimizers.SGD(0.0))
    batch = batch_of()
    outputs = model(batch, training=False)
    logs = model.train_on_batch(batch, {}, return_dict=True)
    for name, real, fake in (
        ("discriminator_a", batch["a"], outputs["fake_a"]),
        ("discriminator_b", batch["b"], outputs["fake_b"]),
    ):
        judge = model.get_layer(name)
        expected = np.mean((np.asarray(judge(real)) - 1) ** 2) + np.mean(np.asarray(judge(fake)) ** 2)
        assert logs[name] == pytest.approx(expected, rel=1e-5)
    assert logs["loss"] == pytest.approx(sum(logs[name] for name in logs if name != "loss"), rel=1e-5)


def test_an_average_goes_with_the_generators_and_is_what_is_drawn(tmp_path: Path) -> None:
    model = player_model("gan", keras.optimizers.SGD(0.1), average_decay=0.75)
    expected = [weight.numpy() for weight in model.generator_weights]
    for step in range(3):
        model.train_on_batch(batch_of(seed=step), {})
        now = (weight.numpy() for weight in model.generator_weights)
        expected = [0.75 * old + 0.25 * new for old, new in zip(expected, now, strict=True)]
    kept = dict(zip(map(id, model.weights), model.kept_weights(), strict=True))
    for weight, average in zip(model.generator_weights, expected, strict=True):
        assert np.any(weight.numpy() != average)
        np.testing.assert_allclose(kept[id(weight)], average, rtol=1e-5, atol=1e-6)
    for weight in model.discriminator_weights:
        np.testing.assert_array_equal(kept[id(weight)], weight)

    grids = SampleGrids(batch_of(), ("a", "b"), tmp_path, tmp_path)
    grids.set_model(model)
    grids.on_epoch_end(0)
    for weight, average in zip(grids.drawn_by.get_weights(), model.kept_weights(), strict=True):
        np.testing.assert_array_equal(weight, average)


@pytest.mark.parametrize("decay", [1.0, -0.5])
def test_a_decay_that_is_none(decay: float) -> None:
    with pytest.raises(UsageError, match=f"from 0 to below 1; received {decay}"):
        player_model("gan", keras.optimizers.SGD(0.1), average_decay=decay)


def test_a_pool_fills_then_exchanges_half() -> None:
    pool = ImagePool(4, tf.TensorSpec((None, 1, 1, 1), tf.float32), seed=0, name="pool")
    given = [float(one) for number in range(400) for one in show(pool, [number])]
    assert given[:4] == [0, 1, 2, 3]
    kept = [given[number] == number for number in range(4, 400)]
    assert 0.4 < np.mean(kept) < 0.6
    late = [given[number] for number in range(4, 400) if given[number] != number]
    assert all(value < number for number, value in enumerate(given) if value != number)
    assert len(set(late)) == len(late)
    assert int(pool.seen) == 400


def test_a_batch_is_shown_as_one_picture_after_the_other() -> None:
    def pool() -> ImagePool:
        return ImagePool(3, tf.TensorSpec((None, 1, 1, 1), tf.float32), seed=5, name="pool")

    single, batched = pool(), pool()
    one_by_one = [float(found) for number in range(20) for found in show(single, [number])]
    in_batches = [
        float(found) for first in range(0, 20, 5) for found in show(batched, range(first, first + 5))
    ]
    assert one_by_one == in_batches
    np.testing.assert_array_equal(single.kept, batched.kept)


def show(pool: ImagePool, values: Any) -> np.ndarray:
    return pool.exchange(tf.reshape(tf.constant(list(values), tf.float32), (-1, 1, 1, 1))).numpy().ravel()


def test_a_pool_needs_pictures_of_one_size() -> None:
    with pytest.raises(ValueError, match="images of one size"):
        ImagePool(2, tf.TensorSpec((None, None, 4, 3), tf.float32), seed=0, name="pool")


def test_the_rate_falls_in_a_line_to_the_end() -> None:
    rate = ConstantThenLinear(0.1, 4, 8)
    found = [float(rate(step)) for step in range(9)]
    np.testing.assert_allclose(found, [0.1] * 5 + [0.075, 0.05, 0.025, 0.0], atol=1e-7)
    assert ConstantThenLinear.from_config(rate.get_config()).end == 8
    with pytest.raises(UsageError, match="from step 8 to step 8"):
        ConstantThenLinear(0.1, 8, 8)


def test_sample_grids_are_drawn_after_each_epoch(tmp_path: Path) -> None:
    from PIL import Image

    model = player_model("cyclegan", keras.optimizers.SGD(0.0))
    grids = SampleGrids(batch_of(count=3), ("a", "b"), tmp_path / "samples", tmp_path / "tensorboard")
    grids.set_model(model)
    grids.on_epoch_end(0)
    drawn = np.asarray(Image.open(tmp_path / "samples" / "epoch-001.png"))
    assert drawn.shape == (3 * 26 - 2, 6 * 26 - 2, 3)
    expected = np.rint((batch_of(count=3)["a"][1] + 1) * 127.5)
    np.testing.assert_array_equal(drawn[26:50, :24], expected)
    assert list((tmp_path / "tensorboard").rglob("events*"))
