"""What problems of generators against discriminators have in common."""

from __future__ import annotations

from typing import Any

import keras

from kzoo.recipe import Recipe
from kzoo.system import System
from kzoo.training.adversarial import with_players
from kzoo.training.own_loss import own_terms
from kzoo.training.tasks.task import Task, Validation


class Synthesis(Task):
    """Pictures are made; nothing tells after an epoch how good they are, so the last weights are kept."""

    validation_metric = None

    def options(self, system: System, source: Any) -> dict[str, Any]:
        """Return nothing: the data decide no option."""
        return {}

    def adapted(self, model: keras.Model, source: Any) -> keras.Model:
        """Return `model` itself, which takes any pictures."""
        return model

    def validation(self, model: keras.Model, system: System, recipe: Recipe, examples: Any) -> Validation:
        """Measure nothing after an epoch; there are `samples` to look at."""
        return Validation()

    def compile(
        self,
        model: keras.Model,
        system: System,
        recipe: Recipe,
        optimizer: keras.optimizers.Optimizer,
        batch: Any,
    ) -> keras.Model:
        """Return the model of two players."""
        return with_players(
            model,
            own_terms(system, recipe),
            system.judgements,
            optimizer=optimizer,
            batch=batch,
            pool_size=int(recipe.loss_options.get("pool_size", 0)),
            average_decay=float(recipe.loss_options.get("average_decay", 0.0)),
            seed=recipe.seed,
        )
