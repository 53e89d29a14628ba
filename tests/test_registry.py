"""Names to systems."""

from __future__ import annotations

import dataclasses

import pytest

import kzoo
from kzoo import registry
from kzoo.errors import UnknownNameError, UsageError
from kzoo.system import resolve


def test_listing_by_pattern() -> None:
    assert kzoo.list_models("cfn_[ab]") == ["cfn_a", "cfn_b"]
    assert {"cnn_a", "cnn_sum_b", "cnn_conv_a"} <= set(kzoo.list_models())


def test_a_name_is_registered_once() -> None:
    with pytest.raises(UsageError, match="registered already"):
        registry.register(registry.find("cfn_a"))


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean cfn_"):
        registry.find("cfn_c")


def test_recipe_for_known_and_for_other_data() -> None:
    system = registry.find("cfn_a")
    assert system.recipe_for("cifar100")[0] == "cifar100"
    name, recipe = system.recipe_for("some/folder")
    assert (name, recipe.data.name) == ("house_emoji", "some/folder")
    with pytest.raises(UnknownNameError, match="cifar10"):
        system.recipe("cifar1")


@pytest.mark.parametrize("reference", ["nothing", "kzoo.nowhere:build", "kzoo.errors:nothing"])
def test_references_that_lead_nowhere_are_named(reference: str) -> None:
    with pytest.raises(UsageError, match=reference):
        resolve(reference)


def test_a_system_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        registry.find("cfn_a").name = "other"
