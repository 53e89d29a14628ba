"""How the thesis trains the networks of this room (section 7.4.1, algorithm 3), and a short way.

The thesis gives falling rates l1 > l2 > l3 without their values, and no iterations: those of the second and
third stage, and all lengths, are ours.
"""

from __future__ import annotations

from typing import Any

from kzoo.recipe import Data, Optimizer, Recipe, Schedule, Stage

SGD = Optimizer(name="sgd", learning_rate=0.1, momentum=0.9, weight_decay=5e-4)
RANKING: dict[str, Any] = {"margin": 0.1, "backward": 2.0}
MATCHING, CLASSIFICATION = {"classification_weight": 0.0}, {"matching_weight": 0.0}

# Data set to (negatives K, batch, beta, D).
SETTINGS: dict[str, tuple[int, int, float, int]] = {
    "pascal_sentence": (20, 128, 0.5, 2048),
    "mscoco": (50, 1500, 0.5, 2048),
    "flowers_captions": (20, 128, 1.2, 4096),
    "cub_captions": (20, 128, 1.2, 4096),
}
HOUSE = "house_emoji_captions"
STAGE_EPOCHS, HOUSE_STAGE_EPOCHS = (30, 10, 20), (20, 8, 12)


def recipes(*, matching: bool, classification: bool) -> dict[str, Recipe]:
    """Return the recipes of a network that matches, classifies, or does both in three stages."""
    found = {}
    for name, (negatives, batch_size, beta, dimension) in SETTINGS.items():
        recipe = Recipe(
            description="Thesis 7.4.1. Features of ResNet-152 and mean word vectors.",
            data=Data(name=name, image_encoder="resnet152", text_encoder="mean_word_vectors"),
            options={"pooling_dim": dimension} if classification else {},
            loss="own",
            loss_options=_loss_options(matching, classification, negatives, beta),
            optimizer=SGD,
            schedule=Schedule(kind="plateau", factor=0.1),
            batch_size=batch_size,
            **_length(matching and classification, STAGE_EPOCHS),
        )
        found[name] = recipe
    found[HOUSE] = Recipe(
        description="Short and narrow, for two cores: 2,479 captions of 1,029 emoji.",
        data=Data(name="house/emoji_captions", image_encoder="efficientnet_lite0", text_encoder="minilm"),
        options={"widths": [512, 256, 256, 256], "dropout": 0.7},
        loss="own",
        loss_options=_loss_options(matching, classification, 20, 0.5),
        optimizer=SGD.model_copy(update={"weight_decay": 0.01}),
        schedule=Schedule(kind="cosine", warmup=2),
        batch_size=128,
        **_length(matching and classification, HOUSE_STAGE_EPOCHS),
    )
    return found


def _loss_options(matching: bool, classification: bool, negatives: int, beta: float) -> dict[str, Any]:
    found = {**RANKING, "count": negatives} if matching else {}
    return {**found, "classification_weight": beta} if matching and classification else found


def _length(staged: bool, epochs: tuple[int, int, int]) -> dict[str, Any]:
    """Return the three stages of algorithm 3, or their epochs in one."""
    if not staged:
        return {"epochs": sum(epochs)}
    matching, classifier, joint = epochs
    return {
        "stages": (
            Stage(
                name="matching", epochs=matching, learning_rate=0.1, loss_options=MATCHING, freeze=("logits",)
            ),
            Stage(
                name="classifier",
                epochs=classifier,
                learning_rate=0.05,
                loss_options={**CLASSIFICATION, "classification_weight": 1.0},
                freeze=("trunk",),
            ),
            Stage(name="joint", epochs=joint, learning_rate=0.01),
        )
    }
