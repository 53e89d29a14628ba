"""A step of two players is the same on one device and on two, and a run goes on from a checkpoint exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import processes
import pytest

TRAINED = """
import sys
from pathlib import Path
from kzoo.training.strategy import make_strategy
name, devices, steps, written, read = *sys.argv[1:3], int(sys.argv[3]), Path(sys.argv[4]), sys.argv[5:]
strategy = make_strategy(*(("mirrored", 2) if devices == "two" else ("single",)))
import keras, numpy as np, tensorflow as tf
import kzoo
from kzoo import registry
from kzoo.training.callbacks import state_of
from kzoo.training.checkpoints import restore_variables, save_variables
from kzoo.training.tasks import find_task
keras.config.set_floatx("float64")
keras.utils.set_random_seed(1)
system = registry.find(name)
recipe = system.recipe("house").override(["loss_options.pool_size=3"])
draw = np.random.default_rng(0)
sizes = {name: shape[-1] for name, shape in system.inputs.items()}
pictures = {name: draw.uniform(-1, 1, (24, 24, 24, count)) for name, count in sizes.items()}
masks = {name: draw.uniform(0, 1, (24, 24, 24, 1)) for name in ("condition_mask", "reference_mask")}
first = 3 if read else 0
data = tf.data.Dataset.from_tensor_slices((pictures, masks)).batch(4)
with strategy.scope():
    model = system.build(**{**system.tiny, "width": 2, "discriminator_width": 2})
    optimizer = keras.optimizers.Adam(1e-3)
    model = find_task(system.task).compile(model, system, recipe, optimizer, data.element_spec)
for file in read:
    restore_variables(Path(file), state_of(model))
model.fit(data.skip(first).take(steps), verbose=0, shuffle=False)
save_variables(written, state_of(model))
"""


def trained(name: str, devices: str, steps: int, written: Path, *read: Path) -> dict[str, np.ndarray]:
    """Train in a process of its own, from `read` on if it is given, and return all variables."""
    processes.run("-c", TRAINED, name, devices, steps, written, *read, check=True)
    with np.load(written) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "pools"), [("nest_cyclegan", 2), ("swapgan", 2)])
def test_neither_devices_nor_a_break_change_the_training(model: str, pools: int, tmp_path: Path) -> None:
    one = trained(model, "one", 6, tmp_path / "one.npz")
    assert {array.dtype.name for array in one.values() if array.dtype.kind == "f"} == {"float64"}
    seen = [array for name, array in one.items() if name.endswith("_seen")]
    assert [int(count) for count in seen] == [24] * pools

    two = trained(model, "two", 6, tmp_path / "two.npz")
    assert one.keys() == two.keys()
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, rtol=0, atol=1e-7, err_msg=name)

    trained(model, "one", 3, tmp_path / "half.npz")
    resumed = trained(model, "one", 3, tmp_path / "resumed.npz", tmp_path / "half.npz")
    for name, array in one.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)
