"""How the thesis trains FCN-8s and FCFN on PASCAL VOC 2012, and a short way for the house set."""

from __future__ import annotations

from kzoo.recipe import Data, Optimizer, Pipeline, Recipe, Schedule

NARROW = {
    "blocks": [[2, 16], [2, 32], [2, 64], [2, 96], [2, 96]],
    "top_units": 128,
    "top_kernel": 3,
    "dropout": 0.2,
}
VOC_SIDE = 512
JUDGES = {
    "facade": ("cmp_facade", "test", 100, "facades"),
    "cityscapes": ("cityscapes", "validation", 30, "streets"),
}
JUDGES_SIDE = 256


def segmentation_recipes(*, fixed_size: bool) -> dict[str, Recipe]:
    """Return the recipes of one network by name.

    Args:
        fixed_size: whether the network is built for one size, here that of the largest VOC image rounded
            up to a multiple of the stride.
    """

    def size(side: int) -> dict[str, list[int]]:
        return {"image_size": [side, side]} if fixed_size else {}

    judges = {
        name: Recipe(
            description=(
                f"The judge of translated {things} (section 8.1.4), 256x256, from VGG-16's ImageNet weights; "
                "how long it is trained is our choice."
            ),
            data=Data(name=data, validation_split=None, test_split=test_split),
            pipeline=Pipeline(normalization="none"),
            options={"weights": "imagenet", **size(JUDGES_SIDE)},
            loss="own",
            optimizer=Optimizer(learning_rate=1e-4, momentum=0.9, weight_decay=1e-4),
            batch_size=1,
            epochs=epochs,
        )
        for name, (data, test_split, epochs, things) in JUDGES.items()
    }
    return {
        "published": Recipe(
            description=(
                "Section 2.4.4: PASCAL VOC 2012 with the additional annotations, one image a step, 100,000 "
                "steps, from VGG-16's ImageNet weights; measured on the 904 images that are in neither."
            ),
            data=Data(name="voc2012", validation_split=None, test_split="validation"),
            pipeline=Pipeline(normalization="none"),
            options={"weights": "imagenet", **size(VOC_SIDE)},
            loss="own",
            optimizer=Optimizer(learning_rate=1e-4, momentum=0.9, weight_decay=1e-4),
            batch_size=1,
            steps=100_000,
        ),
        **judges,
        "house": Recipe(
            description=(
                "Short recipe for about a thousand drawings of 64x64: a narrow network from random weights, "
                "Adam with a cosine rate; about two minutes on one core."
            ),
            data=Data(name="house/emoji_layers"),
            pipeline=Pipeline(normalization="none", augmentation="pad_crop_flip"),
            options=NARROW,
            loss="own",
            optimizer=Optimizer(name="adam", learning_rate=2e-3, momentum=0.9),
            schedule=Schedule(kind="cosine", warmup=1),
            batch_size=16,
            epochs=30,
        ),
    }
