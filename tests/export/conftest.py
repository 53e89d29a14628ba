from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo import registry
from kzoo.data.data_source import DataSource, Split
from kzoo.export import export_model
from kzoo.training.run_folder import Run
from kzoo.training.strategy import make_strategy
from kzoo.training.train import Training, train

CLASSES = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen")
EXAMPLES = {"train": 24, "validation": 8}


@dataclasses.dataclass(frozen=True)
class ArraySource(DataSource):
    """Random images that are kept in memory."""

    def _place(self, image_size: tuple[int, int] | None) -> str:
        return "memory"

    def _examples(self, split: str, image_size: tuple[int, int] | None) -> tf.data.Dataset:
        random = np.random.default_rng(len(split))
        count, size = self.splits[split].examples, image_size or (32, 32)
        return tf.data.Dataset.from_tensor_slices(
            {
                "image": random.integers(0, 256, (count, *size, 3), dtype=np.uint8),
                "label": random.integers(0, len(self.classes), count),
                "id": np.arange(count).astype(str),
            }
        )


@pytest.fixture(scope="session")
def source() -> ArraySource:
    splits = {name: Split(name, count) for name, count in EXAMPLES.items()}
    return ArraySource("arrays", CLASSES, splits, "f" * 64, "CC0", "a random generator")


@pytest.fixture(scope="session")
def tiny_model() -> keras.Model:
    keras.utils.set_random_seed(11)
    system = registry.find("cfn_a")
    return system.build(**system.tiny, classes=len(CLASSES))


@pytest.fixture(scope="session")
def exported(tiny_model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of `tiny_model`; tests leave it as it is."""
    out = tmp_path_factory.mktemp("savedmodels")
    return export_model(tiny_model, registry.find("cfn_a"), classes=CLASSES, out=out)


@pytest.fixture(scope="session")
def finished_run(source: ArraySource, tmp_path_factory: pytest.TempPathFactory) -> Run:
    system = registry.find("cfn_b")
    recipe = system.recipes["house_emoji"].override(
        [
            "data.name=arrays",
            "epochs=1",
            "batch_size=8",
            "schedule.kind=constant",
            "pipeline.normalization=none",
            "optimizer.learning_rate=0.0001",
            "options={stages: [[3,[6]],[3,[6]],[3,[6]]], branch_channels: 8}",
        ]
    )
    asked = Training(
        system=system,
        recipe_name="house_emoji",
        recipe=recipe,
        source=source,
        out=tmp_path_factory.mktemp("runs") / "run",
        strategy=make_strategy("single"),
        quiet=True,
    )
    return train(asked)


@pytest.fixture(params=["mixed_bfloat16", "mixed_float16", "float64"])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)
