"""How the source trains my_system, and last a short way for data that everybody has."""

from __future__ import annotations

from kzoo.recipe import Data, Optimizer, Recipe, Schedule

RECIPES = {
    "house_emoji": Recipe(
        description="Short recipe for about a thousand small pictures: SGD with a cosine rate.",
        data=Data(name="house/emoji"),
        optimizer=Optimizer(learning_rate=0.05, momentum=0.9, weight_decay=1e-4),
        schedule=Schedule(kind="cosine", warmup=2),
        batch_size=50,
        epochs=10,
    ),
}
