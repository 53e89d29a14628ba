"""Which devices a run trains on.

`auto` takes every GPU there is, else the CPU; `mirrored` splits each batch over the devices of this
machine, and makes logical CPU devices where there is no GPU; `multiworker` does so over the machines that
TF_CONFIG lists.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.errors import RunError, UsageError
from kzoo.training.strategy_names import STRATEGIES, refusal


def make_strategy(name: str = "auto", devices: int | None = None) -> tf.distribute.Strategy:
    """Return the strategy that `name` stands for.

    Args:
        name: one of `STRATEGIES`.
        devices: how many devices of this machine; None takes all GPUs, or one CPU device.

    Raises:
        UsageError: for an unknown or refused name, for more devices than there are GPUs, for logical
            devices asked for after TensorFlow has started, for `multiworker` without TF_CONFIG, and for
            `devices` beside it.
    """
    if reason := refusal(name):
        raise UsageError(reason)
    if name not in STRATEGIES:
        raise UsageError(f"strategy must be one of {', '.join(STRATEGIES)}; received {name!r}")
    if devices is not None and devices < 1:
        raise UsageError(f"devices must be 1 or more; received {devices}")
    if name == "multiworker":
        _check_tf_config()
        if devices is not None:
            raise UsageError(f"strategy 'multiworker' takes all GPUs of a worker; received devices={devices}")
        return tf.distribute.MultiWorkerMirroredStrategy()
    names = _device_names(name, devices)
    if name == "mirrored" or len(names) > 1:
        # Between CPU devices the default is collectives that wait for each other in one pool of threads; on a
        # machine short of processor time a run was seen to wait for ever. A sum on one device does not wait.
        on_cpu = names[0].startswith("CPU")
        return tf.distribute.MirroredStrategy(
            names, cross_device_ops=tf.distribute.ReductionToOneDevice() if on_cpu else None
        )
    return tf.distribute.OneDeviceStrategy(names[0])


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Say whether this process writes the run folder: worker 0, or the only one."""
    if not has_several_workers(strategy):
        return True
    resolver = strategy.cluster_resolver
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


def has_several_workers(strategy: tf.distribute.Strategy) -> bool:
    """Say whether other processes train the same model."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def decide_on_chief(strategy: tf.distribute.Strategy, decide: Callable[[], int]) -> int:
    """Return on every worker what `decide` returns on the chief, a number of 0 or more.

    Raises:
        RunError: on the other workers, if the chief raised an error; there that error is raised.
    """
    answer = -1
    try:
        if is_chief(strategy):
            answer = decide()
    finally:
        (told,) = arrays_of_chief(strategy, [np.asarray(answer, np.int64)])
    if told < 0:
        raise RunError("the chief, which alone has the run folder, ended with an error; see its output")
    return int(told)


def arrays_of_chief(strategy: tf.distribute.Strategy, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return on every worker the chief's arrays, bit for bit.

    All workers must call it, with arrays of the same shapes and dtypes.
    """
    if not has_several_workers(strategy):
        return list(arrays)
    joined = b"".join(array.tobytes() for array in arrays)
    words = tf.constant(np.frombuffer(joined + bytes(-len(joined) % 4), np.int32))

    def sum_of_chief_and_zeros(values: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        is_first = tf.cast(tf.equal(context.replica_id_in_sync_group, 0), tf.int32)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, values * is_first)

    told = strategy.run(tf.function(sum_of_chief_and_zeros), args=(words,))
    rest = strategy.experimental_local_results(told)[0].numpy().tobytes()
    received = []
    for array in arrays:
        received.append(np.frombuffer(rest[: array.nbytes], array.dtype).reshape(array.shape))
        rest = rest[array.nbytes :]
    return received


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
        cluster, task = config["cluster"], config["task"]
        known = set(cluster) <= {"chief", "worker"} and isinstance(cluster["worker"], list)
        valid = known and 0 <= int(task["index"]) < len(cluster[task["type"]])
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise UsageError(
            'strategy multiworker reads TF_CONFIG, as {"cluster": {"worker": ["host:port", ...]}, '
            f'"task": {{"type": "worker", "index": 0}}}}; received {text!r}'
        )
