"""The indexes of thesis chapter 4 as data: which features, how many words, how strong the signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One feature: a layer of a network of `kzoo.systems.deepindex.features`."""

    network: str
    layer: str


LAYERS: Mapping[str, Layer] = {
    "6": Layer("alexnet", "fc6"),
    "7": Layer("alexnet", "fc7"),
    "17": Layer("vgg19", "fc17"),
    "18": Layer("vgg19", "fc18"),
}


@dataclass(frozen=True)
class Setting:
    """What a data set is indexed with (sections 4.4.1 and 4.4.2).

    Attributes:
        words: in the codebook of each feature.
        alpha: strength of the signatures.
        assignments: words that a query's patch stands for, as table 4.1 tries them.
        metric: "mean_average_precision" in percent, or "n_s" from 0 to 4.
    """

    words: int
    alpha: float
    assignments: tuple[int, ...]
    metric: str


SETTINGS: Mapping[str, Setting] = {
    "holidays": Setting(5_000, 8.0, (1, 3, 5), "mean_average_precision"),
    "paris6k": Setting(5_000, 4.0, (1, 5, 10), "mean_average_precision"),
    "ukbench": Setting(10_000, 10.0, (1, 5, 10), "n_s"),
}


@dataclass(frozen=True)
class DeepIndexRecipe:
    """One index: 1-D over one feature, 2-D over two.

    Attributes:
        features: row feature first.
        components: kept of each feature by PCA; table 4.2 finds 512 best.
    """

    features: tuple[Layer, ...]
    components: int = 512


PAIRS = (("6", "7"), ("17", "18"), ("7", "17"), ("6", "17"), ("7", "18"), ("6", "18"))
RECIPES: Mapping[str, DeepIndexRecipe] = {
    f"deepindex_{'_'.join(numbers)}": DeepIndexRecipe(tuple(LAYERS[number] for number in numbers))
    for numbers in (*((number,) for number in LAYERS), *PAIRS)
}
