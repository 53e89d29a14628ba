"""The published recipe (thesis 5.4.1 and the author's solver), and the short one for the house set."""

from __future__ import annotations

from kzoo.recipe import Data, Optimizer, Recipe, Schedule

BI_RANK = {"margin": 0.1, "count": 50, "inter": 1.0, "intra": 0.5, "forward": 2.0, "backward": 1.0}

RECIPES = {
    "flickr30k": Recipe(
        description="Thesis 5.4.1: batch 1500, rate 0.1; it falls by 10 every 2,000 of 6,500 iterations, as "
        "in the author's solver.",
        data=Data(name="flickr30k", image_encoder="resnet152", text_encoder="hglmm"),
        loss="own",
        loss_options=BI_RANK,
        optimizer=Optimizer(name="sgd", learning_rate=0.1, momentum=0.9, weight_decay=5e-4),
        schedule=Schedule(kind="piecewise", boundaries=(2000, 4000, 6000), factor=0.1),
        batch_size=1500,
        steps=6500,
    ),
    "house_emoji_captions": Recipe(
        description="Short and narrow, for two cores: 2,479 captions of 1,029 emoji.",
        data=Data(name="house/emoji_captions", image_encoder="efficientnet_lite0", text_encoder="minilm"),
        options={"widths": [512, 256, 256, 256], "dropout": 0.7},
        loss="own",
        loss_options=BI_RANK,
        optimizer=Optimizer(name="sgd", learning_rate=0.1, momentum=0.9, weight_decay=0.01),
        schedule=Schedule(kind="cosine", warmup=2),
        batch_size=250,
        epochs=40,
    ),
}
