"""Clothes swapped: from pairs of rendered persons to weights and sample grids."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from kzoo import registry
from kzoo.errors import UsageError
from kzoo.training.adversarial import AdversarialModel
from kzoo.training.tasks import find_task

TASK = find_task("swap")
FEW = ["data.name=house/people:few", "batch_size=2"]


@pytest.mark.parametrize("name", ["swapgan", "swapgan_g1_g3"])
def test_a_step_from_rendered_pairs_and_what_is_drawn(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    system = registry.find(name)
    recipe = system.recipe("house").override(FEW)
    source = TASK.open(recipe.data, [system])
    examples = TASK.examples(system, source, "train")
    batches = TASK.batches(recipe, examples)
    model = system.build(**system.tiny)
    fitted = TASK.compile(model, system, recipe, keras.optimizers.Adam(1e-3), batches.element_spec)
    assert isinstance(fitted, AdversarialModel)
    fitted.run_eagerly = name != "swapgan"  # making a graph takes longer than its steps; once is enough
    logs = fitted.fit(batches.take(2), verbose=0).history
    assert all(np.isfinite(values).all() for values in logs.values())
    assert set(logs) >= {"adversarial_1", "mask", "discriminator", "loss"}

    (grids,) = TASK.samples(fitted, examples, tmp_path, tmp_path / "tensorboard")
    grids.set_model(fitted)
    grids.on_epoch_end(0)
    drawn = np.asarray(Image.open(tmp_path / "samples" / "epoch-001.png"))
    made = sum(name in fitted.output for name in ("swapped", "restored"))
    assert drawn.shape == (8 * 130 - 2, (3 + made) * 130 - 2, 3)
    np.testing.assert_allclose(drawn[130:258, :128], examples.condition.images[1], atol=1)


def test_pairs_are_not_augmented() -> None:
    system = registry.find("swapgan")
    recipe = system.recipe("house").override([*FEW, "pipeline={augmentation: random_crop_flip, resize: 140}"])
    source = TASK.open(recipe.data, [system])
    with pytest.raises(UsageError, match="not augmented; received 'random_crop_flip'"):
        TASK.batches(recipe, TASK.examples(system, source, "train"))
