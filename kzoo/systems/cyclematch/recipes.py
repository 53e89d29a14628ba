"""The published recipe (thesis 6.4.1), and the short one for the house set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kzoo.recipe import Data, Optimizer, Recipe, Schedule


def recipes(terms: Sequence[str]) -> Mapping[str, Recipe]:
    """Return the recipes of a system with these loss terms."""
    ranking = {"terms": list(terms), "margin": 0.1, "count": 50, "forward": 1.0, "backward": 2.0}
    return {
        "flickr30k": Recipe(
            description="Thesis 6.4.1: batch 500, 60 epochs, rate 0.1, by 10 less where it no longer helps.",
            data=Data(name="flickr30k", image_encoder="resnet152", text_encoder="bilstm_max"),
            loss="own",
            loss_options=ranking,
            optimizer=Optimizer(name="sgd", learning_rate=0.1, momentum=0.9, weight_decay=5e-4),
            schedule=Schedule(kind="plateau", factor=0.1, patience=5),
            batch_size=500,
            epochs=60,
        ),
        "house_emoji_captions": Recipe(
            description="Short and narrow, for two cores: 2,479 captions of 1,029 emoji.",
            data=Data(name="house/emoji_captions", image_encoder="efficientnet_lite0", text_encoder="minilm"),
            options={"widths": [512, 256, 256], "dropout": 0.7},
            loss="own",
            loss_options=ranking,
            optimizer=Optimizer(name="sgd", learning_rate=0.1, momentum=0.9, weight_decay=0.01),
            schedule=Schedule(kind="cosine", warmup=2),
            batch_size=250,
            epochs=40,
        ),
    }
