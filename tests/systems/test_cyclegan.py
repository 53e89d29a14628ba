from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import kzoo
from kzoo import registry
from kzoo.backbones.picture_blocks import build_patchgan
from kzoo.errors import UnknownNameError, UsageError
from kzoo.systems.cyclegan.endpoints import signatures
from kzoo.systems.cyclegan.evaluate import evaluate
from kzoo.systems.cyclegan.network import build_generator
from kzoo.systems.cyclegan.task import judgements, losses

SMALL = {"residual_blocks": 1, "width": 2, "discriminator_width": 2}


def small(name: str, **options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    return kzoo.create(name, **SMALL, **options)


def images(seed: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (2, size, size, 3)).astype("float32")


@pytest.mark.parametrize(("blocks", "parameters"), [(6, 7_837_699), (9, 11_378_179)])
def test_parameters_of_the_generator(blocks: int, parameters: int) -> None:
    assert build_generator("generator", width=64, residual_blocks=blocks).count_params() == parameters


def test_the_discriminator_judges_patches_of_70_pixels() -> None:
    model = build_patchgan("discriminator", width=64)
    assert model.count_params() == 2_764_737
    assert model.compute_output_shape((None, 256, 256, 3)) == (None, 30, 30, 1)
    linear = keras.models.clone_model(
        build_patchgan("discriminator", width=1),
        clone_function=lambda layer: (
            keras.layers.Identity(name=layer.name)
            if isinstance(layer, keras.layers.GroupNormalization)
            else layer.__class__.from_config(layer.get_config())
        ),
    )
    for weight in linear.weights:
        weight.assign(np.ones(weight.shape))
    blank = np.zeros((1, 128, 128, 3), "float32")
    before = np.asarray(linear(blank))[0, 7, 7, 0]
    reached = []
    for column in range(128):
        touched = blank.copy()
        touched[0, 64, column] = 1
        if np.asarray(linear(touched))[0, 7, 7, 0] != before:
            reached.append(column)
    assert reached == list(range(reached[0], reached[0] + 70))


def test_chains_and_ways_back() -> None:
    model = small("nest_cyclegan", generators_ab=3, generators_ba=3)
    a, b = images(1), images(2)
    outputs = model({"a": a, "b": b}, training=False)
    there = [model.get_layer(f"generator_ab_{number}") for number in (1, 2, 3)]
    back = [model.get_layer(f"generator_ba_{number}") for number in (1, 2, 3)]
    first = there[0](a)
    second = there[1](first)
    third = there[2](second)
    for name, expected in {
        "fake_b": third,
        "first_ab": first,
        "cycled_a_1": back[2](first),
        "cycled_a_2": back[2](back[1](second)),
        "cycled_a_3": back[2](back[1](back[0](third))),
        "cycled_b_1": there[2](back[0](b)),
        "score_fake_b": model.get_layer("discriminator_b")(third),
    }.items():
        np.testing.assert_allclose(outputs[name], expected, atol=1e-5)


def test_a_shared_chain_is_one_generator_seen_twice() -> None:
    model = small("long_cyclegan", shared=True)
    assert model.count_params() == small("cyclegan").count_params()
    generator = model.get_layer("generator_ab_1")
    outputs = model({"a": images(1), "b": images(2)}, training=False)
    np.testing.assert_allclose(outputs["fake_b"], generator(generator(images(1))), atol=1e-5)


def test_the_output_does_not_depend_on_the_other_picture_of_a_batch() -> None:
    model = small("cyclegan")
    a, b = images(1), images(2)
    whole = np.asarray(model({"a": a, "b": b}, training=True)["fake_b"])
    alone = np.asarray(model({"a": a[1:], "b": b[1:]}, training=True)["fake_b"])
    np.testing.assert_allclose(whole[1:], alone, atol=1e-5)


def constant(value: float) -> np.ndarray:
    return np.full((1, 2, 2, 3), value, "float64")


def test_losses_of_a_hand_computed_case() -> None:
    batch = {"a": constant(0.5), "b": constant(-0.5)}
    outputs = {
        "score_fake_b": np.array([[0.0, 1.0]]),
        "score_fake_a": np.array([[3.0, 1.0]]),
        "cycled_a_1": constant(0.25),
        "cycled_a_2": constant(0.0),
        "cycled_b_2": constant(0.5),
        "first_ab": constant(1.0),
        "first_ba": constant(0.25),
    }
    found = losses(outputs, batch, {"cycle_weight": 10, "similarity_weight": 2.0, "pool_size": 50})
    assert {name: float(value) for name, value in found.items()} == {
        "adversarial_ab": 0.5,
        "adversarial_ba": 2.0,
        "cycle_a_1": 2.5,
        "cycle_a_2": 5.0,
        "cycle_b_2": 10.0,
        "similarity": 1.5,
    }


def test_only_the_ends_of_the_chains_are_judged() -> None:
    batch = {"a": "a", "b": "b"}
    found = judgements({"fake_a": "fake_a", "fake_b": "fake_b", "first_ab": "no"}, batch)
    assert [(one.discriminator, one.real, one.fakes) for one in found] == [
        ("discriminator_a", "a", ("fake_a",)),
        ("discriminator_b", "b", ("fake_b",)),
    ]


def test_options_that_do_not_fit() -> None:
    with pytest.raises(UsageError, match="one generator or more; received generators_ab=0"):
        small("long_cyclegan", generators_ab=0)
    with pytest.raises(UsageError, match="nested cycles need chains of one length"):
        small("nest_cyclegan", generators_ab=3)
    with pytest.raises(UsageError, match="none, full, nested; received 'half'"):
        small("cyclegan", cycles="half")
    with pytest.raises(UnknownNameError, match="cycle_weight"):
        losses({}, {}, {"cycle_wieght": 1})
    with pytest.raises(UsageError, match="nested cycles"):
        losses({"score_fake_a": constant(0), "score_fake_b": constant(0)}, {}, {"similarity_weight": 1})


def test_sizes_that_an_exported_tensor_endpoint_refuses() -> None:
    model = small("cyclegan")
    endpoint = signatures(model, registry.find("cyclegan"), ())["a_to_b_tensor"].function
    assert endpoint(images(0, 12))["image"].shape == (2, 12, 12, 3)
    with pytest.raises(Exception, match="expected multiples of 4"):
        endpoint(images(0, 10))


def test_pairs_are_needed_to_measure() -> None:
    class Unpaired:
        paired = False

    with pytest.raises(UsageError, match="not paired"):
        evaluate(small("cyclegan"), Unpaired())
