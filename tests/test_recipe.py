"""Recipes: YAML, dotted overrides, and the lengths and schedules they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kzoo import registry
from kzoo.errors import UnknownNameError, UsageError
from kzoo.recipe import Data, Optimizer, Recipe

ALL = [(name, recipe) for name in registry.names() for recipe in registry.find(name).recipes]


def small(**changes) -> Recipe:
    return Recipe(
        **{
            "data": Data(name="x"),
            "optimizer": Optimizer(learning_rate=0.1),
            "batch_size": 10,
            "epochs": 3,
            **changes,
        }
    )


@pytest.mark.parametrize(("name", "recipe"), ALL)
def test_every_registered_recipe_survives_yaml(name: str, recipe: str) -> None:
    original = registry.find(name).recipes[recipe]
    assert Recipe.from_yaml(original.to_yaml()).model_dump(mode="json") == original.model_dump(mode="json")


def test_override_by_dotted_key_reads_yaml_values() -> None:
    changed = small().override(
        ["optimizer.learning_rate=0.05", "data.validation_split=null", "options.classes=5", "freeze=[trunk]"]
    )
    assert changed.optimizer.learning_rate == 0.05
    assert changed.data.validation_split is None
    assert changed.options == {"classes": 5}
    assert changed.freeze == ("trunk",)


def test_setting_one_length_unsets_the_other() -> None:
    assert small().override(["steps=7"]).epochs is None
    assert small().override(["steps=7"]).override(["epochs=2"]).steps is None


@pytest.mark.parametrize(
    ("assignment", "nearest"),
    [
        ("optimizer.learning_rat=1", "optimizer.learning_rate"),
        ("optimiser.learning_rate=1", "optimizer.learning_rate"),
        ("batchsize=1", "batch_size"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest(assignment: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=nearest):
        small().override([assignment])


@pytest.mark.parametrize(
    "assignment",
    [
        "optimizer.learning_rate",
        "optimizer.learning_rate=-1",
        "batch_size=many",
        "epochs=0",
        "seed=[",
        "loss=hinge",
    ],
)
def test_values_that_do_not_fit_are_refused(assignment: str) -> None:
    with pytest.raises(UsageError):
        small().override([assignment])


def test_yaml_that_is_no_recipe_is_refused() -> None:
    with pytest.raises(UsageError, match="mapping"):
        Recipe.from_yaml("- 1")
    with pytest.raises(UsageError, match="not YAML"):
        Recipe.from_yaml("{")
    with pytest.raises(UnknownNameError, match="optimizer"):
        Recipe.from_yaml(small().to_yaml().replace("optimizer:", "optimiser:"))


@given(examples=st.integers(1, 10_000), batch=st.integers(1, 500), epochs=st.integers(1, 50))
def test_length_in_epochs_sees_every_example(examples: int, batch: int, epochs: int) -> None:
    recipe = small(batch_size=batch, epochs=epochs)
    steps = recipe.total_steps(examples)
    assert steps == epochs * recipe.steps_per_epoch(examples)
    assert steps * batch >= epochs * examples > (steps - epochs) * batch


def test_published_recipe_is_the_thesis_text() -> None:
    recipe = registry.find("cfn_b").recipes["cifar10"]
    assert (recipe.optimizer.learning_rate, recipe.optimizer.momentum, recipe.batch_size) == (0.1, 0.9, 100)
    assert (recipe.steps, recipe.optimizer.weight_decay) == (120_000, 1e-4)
    assert recipe.schedule.boundaries == (100_000,)
    assert recipe.optimizer.learning_rate_multipliers == {"fusion": 0.1}
    assert registry.find("cnn_b").recipes["cifar10"].optimizer.learning_rate_multipliers == {}
