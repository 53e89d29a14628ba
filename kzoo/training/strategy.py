"""Which devices a run trains on.

`auto` takes every GPU there is, else the CPU; `mirrored` splits each batch over the devices of this
machine, and makes logical CPU devices where there is no GPU; `multiworker` does so over the machines that
TF_CONFIG lists.
"""

from __future__ import annotations

import json
import os
from typing import Any

import tensorflow as tf

from kzoo.errors import UsageError

STRATEGIES = ("auto", "single", "mirrored", "multiworker")
_REFUSED = {
    "tpu": "TPUs are not supported: nothing of kzoo was ever run on one",
    "parameter_server": "Keras 3 models do not train under ParameterServerStrategy",
}


def make_strategy(name: str = "auto", devices: int | None = None) -> tf.distribute.Strategy:
    """Return the strategy that `name` stands for.

    Args:
        name: one of `STRATEGIES`.
        devices: how many devices of this machine; None takes all GPUs, or one CPU device.

    Raises:
        UsageError: for an unknown or refused name, for more devices than there are GPUs, for logical
            devices asked for after TensorFlow has started, and for `multiworker` without TF_CONFIG.
    """
    name = name.replace("-", "_")
    if name in _REFUSED:
        raise UsageError(f"strategy {name!r} is refused: {_REFUSED[name]}")
    if name not in STRATEGIES:
        raise UsageError(f"strategy must be one of {', '.join(STRATEGIES)}; received {name!r}")
    if devices is not None and devices < 1:
        raise UsageError(f"devices must be 1 or more; received {devices}")
    if name == "multiworker":
        _check_tf_config()
        return tf.distribute.MultiWorkerMirroredStrategy()
    names = _device_names(name, devices)
    if name == "mirrored" or len(names) > 1:
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.OneDeviceStrategy(names[0])


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Say whether this process writes the run folder: worker 0, or the only one."""
    resolver = strategy.cluster_resolver
    return resolver is None or resolver.task_type in (None, "", "chief") or (resolver.task_id or 0) == 0


def _device_names(name: str, devices: int | None) -> list[str]:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and name != "single":
        if devices is not None and devices > len(gpus):
            raise UsageError(f"{devices} devices were asked for; this machine has {len(gpus)} GPUs")
        return [f"GPU:{i}" for i in range(devices or len(gpus))]
    if name == "single":
        if devices not in (None, 1):
            raise UsageError(f"strategy 'single' has one device; received devices={devices}")
        return ["GPU:0" if gpus else "CPU:0"]
    count = devices or 1
    _make_logical_cpus(count)
    return [f"CPU:{i}" for i in range(count)]


def _make_logical_cpus(count: int) -> None:
    if count == 1:
        return
    cpu = tf.config.list_physical_devices("CPU")[0]
    wanted = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(cpu, wanted)
    except RuntimeError as error:
        existing = len(tf.config.list_logical_devices("CPU"))
        if existing < count:
            raise UsageError(
                f"{count} logical CPU devices were asked for, but TensorFlow has started with {existing}; "
                "make the strategy before any other TensorFlow call"
            ) from error


def _check_tf_config() -> None:
    text = os.environ.get("TF_CONFIG", "")
    try:
        config: Any = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        valid = isinstance(workers, list) and task["type"] in ("worker", "chief") and int(task["index"]) >= 0
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise UsageError(
            'strategy multiworker reads TF_CONFIG, as {"cluster": {"worker": ["host:port", ...]}, '
            f'"task": {{"type": "worker", "index": 0}}}}; received {text!r}'
        )
