from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from training_helpers import make_recipe

from kzoo.errors import UnknownNameError
from kzoo.training.optimizers import SGD, Adam, make_optimizer, make_schedule

EXAMPLES = 80  # with batches of 8, 10 steps an epoch
HERE = Path("pictures")


def two_layers(dtype: str = "float64") -> keras.Model:
    image = keras.Input((2,), dtype=dtype)
    x = keras.layers.Dense(2, name="trunk_1", dtype=dtype)(image)
    return keras.Model(image, keras.layers.Dense(1, name="fusion", dtype=dtype)(x))


def paths(model: keras.Model) -> list[str]:
    return [variable.path for variable in model.trainable_variables]


def test_sgd_by_hand_with_l2_and_factors_per_layer() -> None:
    """Velocity v = mu v - lr f (g + l2 w), then w = w + v; only kernels decay."""
    rate, momentum, decay, factor = 0.125, 0.5, 0.25, 0.0625
    model = two_layers()
    model.set_weights(
        [
            np.array([[1.0, -2.0], [0.5, 4.0]]),
            np.array([3.0, -1.0]),
            np.array([[8.0], [2.0]]),
            np.array([6.0]),
        ]
    )
    optimizer = SGD(rate, momentum=momentum, l2=decay, learning_rate_multipliers={"fusion": factor})
    optimizer.build(model.trainable_variables)
    weights = [np.array(value) for value in model.get_weights()]
    velocities = [np.zeros_like(value) for value in weights]
    generator = np.random.default_rng(0)
    for _ in range(3):
        gradients = [generator.integers(-8, 8, value.shape) / 8 for value in weights]
        optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients])
        for index, path in enumerate(paths(model)):
            l2 = decay if path.endswith("kernel") else 0.0
            f = factor if path.startswith("fusion") else 1.0
            velocities[index] = momentum * velocities[index] - rate * f * (
                gradients[index] + l2 * weights[index]
            )
            weights[index] = weights[index] + velocities[index]
    for found, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)


def test_one_step_of_sgd_in_numbers() -> None:
    model = two_layers()
    model.set_weights([np.full((2, 2), 2.0), np.full(2, 2.0), np.full((2, 1), 2.0), np.full(1, 2.0)])
    optimizer = SGD(0.5, momentum=0.9, l2=0.25, learning_rate_multipliers={"fusion": 0.125})
    optimizer.build(model.trainable_variables)
    optimizer.apply([keras.ops.ones(variable.shape, "float64") for variable in model.trainable_variables])
    # kernel: 2 - .5 (1 + .25 2); bias: 2 - .5; and for "fusion" an eighth of it
    expected = [1.25, 1.5, 2 - 0.75 / 8, 2 - 0.5 / 8]
    assert [float(np.unique(value)[0]) for value in model.get_weights()] == expected


def test_adam_takes_the_factor_and_the_decay() -> None:
    model = two_layers()
    model.set_weights([np.full((2, 2), 4.0), np.full(2, 4.0), np.full((2, 1), 4.0), np.full(1, 4.0)])
    optimizer = Adam(0.25, epsilon=0.0, l2=1.0, learning_rate_multipliers={"fusion": 0.5})
    optimizer.build(model.trainable_variables)
    optimizer.apply(
        [keras.ops.full(variable.shape, -1.0, "float64") for variable in model.trainable_variables]
    )
    # Adam's first step is the rate against the sign of the gradient: of -1 + 4 for kernels, of -1 for biases.
    found = [float(value.ravel()[0]) for value in model.get_weights()]
    assert found == pytest.approx([3.75, 4.25, 3.875, 4.125], abs=1e-5)


def test_all_gradients_together_are_clipped_before_decay() -> None:
    model = two_layers()
    model.set_weights([np.full((2, 2), 2.0), np.full(2, 2.0), np.full((2, 1), 2.0), np.full(1, 2.0)])
    optimizer = SGD(1.0, l2=0.5, global_clipnorm=0.3)
    optimizer.build(model.trainable_variables)
    optimizer.apply([keras.ops.ones(variable.shape, "float64") for variable in model.trainable_variables])
    # nine gradients of 1 have norm 3, so each becomes .1
    found = [float(value.ravel()[0]) for value in model.get_weights()]
    assert found == pytest.approx([2 - 0.1 - 1.0, 1.9, 2 - 0.1 - 1.0, 1.9], abs=1e-7)


def test_an_optimiser_is_what_its_config_says() -> None:
    optimizer = SGD(0.5, momentum=0.25, l2=0.125, learning_rate_multipliers={"fusion": 0.5})
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, SGD)
    assert again.get_config() == optimizer.get_config()


def test_a_recipe_becomes_an_optimiser() -> None:
    recipe = make_recipe(HERE, "optimizer.name=adam", "optimizer.momentum=0.75", "optimizer.clip_norm=2")
    optimizer = make_optimizer(recipe, EXAMPLES, ["conv", "fusion"])
    assert isinstance(optimizer, Adam)
    assert (optimizer.beta_1, optimizer.global_clipnorm, optimizer.l2) == (0.75, 2.0, 1e-3)
    assert dict(optimizer.learning_rate_multipliers) == {"fusion": 0.1}


def test_an_unknown_layer_is_named_with_the_nearest() -> None:
    recipe = make_recipe(HERE, "optimizer.learning_rate_multipliers={fusoin: 0.5}")
    with pytest.raises(UnknownNameError, match=r"learning_rate_multipliers 'fusoin'; did you mean fusion"):
        make_optimizer(recipe, EXAMPLES, ["conv", "fusion"])


def rates(*assignments: str, steps: list[int]) -> list[float]:
    schedule = make_schedule(make_recipe(HERE, "optimizer.learning_rate=0.5", *assignments), EXAMPLES)
    return [float(schedule(keras.ops.convert_to_tensor(step, "int32"))) for step in steps]


def test_a_constant_rate_is_a_number() -> None:
    assert make_schedule(make_recipe(HERE, "schedule={kind: constant}"), EXAMPLES) == 0.05


def test_piecewise_falls_exactly_at_its_boundaries() -> None:
    by_steps = ("steps=200", "schedule={kind: piecewise, boundaries: [100, 150], factor: 0.25}")
    assert rates(*by_steps, steps=[0, 99, 100, 149, 150, 199]) == [0.5, 0.5, 0.125, 0.125, 0.03125, 0.03125]
    by_epochs = ("epochs=4", "schedule={kind: piecewise, boundaries: [1.5], factor: 0.25}")
    assert rates(*by_epochs, steps=[14, 15]) == [0.5, 0.125]


def test_cosine_warms_up_and_ends_at_zero() -> None:
    warm = ("epochs=5", "schedule={kind: cosine, warmup: 1}")
    assert rates(*warm, steps=[0, 5, 10, 30, 50]) == pytest.approx([0, 0.25, 0.5, 0.25, 0], abs=1e-5)
    assert rates("epochs=5", "schedule={kind: cosine}", steps=[0, 25, 50]) == pytest.approx(
        [0.5, 0.25, 0], abs=1e-6
    )
    assert rates("steps=7", "schedule={kind: cosine, warmup: 2}", steps=[1, 2, 7]) == pytest.approx(
        [0.25, 0.5, 0], abs=1e-6
    )


def test_a_run_shorter_than_its_warm_up_ends_while_the_rate_rises() -> None:
    assert rates("epochs=1", "schedule={kind: cosine, warmup: 2}", steps=[0, 9]) == pytest.approx([0, 0.225])
