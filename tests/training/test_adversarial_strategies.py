"""A step of two players is the same on one device and on two, and a run goes on from a checkpoint exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import processes
import pytest

STEPS, HALF = 4, 2
TRAINED = """
import sys
from pathlib import Path
from kzoo.training.strategy import make_strategy
folder, steps, half, names = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
mirrored, single = make_strategy("mirrored", 2), make_strategy("single")
import keras, numpy as np, tensorflow as tf
import kzoo
from kzoo import registry
from kzoo.training.callbacks import state_of
from kzoo.training.checkpoints import restore_variables, save_variables
from kzoo.training.tasks import find_task
keras.config.set_floatx("float64")
masks = ("condition_mask", "reference_mask")
for name in names:
    system = registry.find(name)
    recipe = system.recipe("house").override(["loss_options.pool_size=3", "loss_options.average_decay=0.9"])
    draw = np.random.default_rng(0)
    channels = {key: shape[-1] for key, shape in system.inputs.items()}
    pictures = {key: draw.uniform(-1, 1, (4 * steps, 24, 24, count)) for key, count in channels.items()}
    targets = {key: draw.uniform(0, 1, (4 * steps, 24, 24, 1)) for key in masks}
    data = tf.data.Dataset.from_tensor_slices((pictures, targets)).batch(4)

    def built(strategy):
        keras.utils.set_random_seed(1)
        with strategy.scope():
            model = system.build(**{**system.tiny, "width": 2, "discriminator_width": 2})
            optimizer = keras.optimizers.Adam(1e-3)
            return find_task(system.task).compile(model, system, recipe, optimizer, data.element_spec)

    def fit(model, part, file):
        model.fit(part, verbose=0, shuffle=False)
        save_variables(folder / f"{name}-{file}.npz", state_of(model))

    one = built(single)
    fit(one, data.take(half), "half")
    fit(one, data.skip(half), "one")
    fit(built(mirrored), data, "two")
    if name == names[0]:
        resumed = built(single)
        restore_variables(folder / f"{name}-half.npz", state_of(resumed))
        fit(resumed, data.skip(half), "resumed")
"""
MODELS = ("cyclegan", "swapgan")


def variables(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.mark.slow
def test_neither_devices_nor_a_break_change_the_training(tmp_path: Path) -> None:
    processes.run("-c", TRAINED, tmp_path, STEPS, HALF, *MODELS, check=True)
    for model in MODELS:
        one, two = (variables(tmp_path / f"{model}-{run}.npz") for run in ("one", "two"))
        assert {array.dtype.name for array in one.values() if array.dtype.kind == "f"} == {"float64"}
        seen = [int(array) for name, array in one.items() if name.endswith("_seen")]
        assert seen == [4 * STEPS] * 2
        assert sum(name.endswith("_average") for name in one) > 20
        assert one.keys() == two.keys()
        for name, array in one.items():
            np.testing.assert_allclose(two[name], array, rtol=0, atol=1e-7, err_msg=f"{model} {name}")
    one, resumed = (variables(tmp_path / f"{MODELS[0]}-{run}.npz") for run in ("one", "resumed"))
    assert one.keys() == resumed.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)
