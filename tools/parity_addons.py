"""Compare what kzoo does in place of tensorflow-addons 0.23 with it: values and gradients.

tensorflow-addons ended with TensorFlow 2.15, so it is installed beside the zoo, in a throw-away environment
that this tool makes and removes. `python tools/parity_addons.py [--python OTHER_PYTHON]`
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from other_python import make_environment

PACKAGES = ("tensorflow-cpu==2.15.1", "tensorflow-addons==0.23.0", "numpy<2")
TOLERANCE = 1e-5
MARGIN = 0.3
SEED = 9


def inputs() -> dict[str, np.ndarray]:
    """Return images float32 (3, 8, 6, 5), scale and offset (5,), and embeddings (12, 7) in mates i, i + 6."""
    draw = np.random.default_rng(SEED)
    return {
        "images": draw.normal(2.0, 3.0, (3, 8, 6, 5)).astype("float32"),
        "gamma": draw.uniform(0.5, 2.0, 5).astype("float32"),
        "beta": draw.normal(size=5).astype("float32"),
        "embeddings": draw.normal(size=(12, 7)).astype("float32"),
    }


def ours(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what kzoo computes: GroupNormalization with groups of one channel, and `ranking_loss`.

    With every point as an anchor, its mate as the positive and the hardest one negative, the ranking loss in
    one direction is the batch-hard triplet loss on cosine distance.
    """
    import keras
    import tensorflow as tf

    from kzoo.losses.ranking import Ranking, ranking_loss

    layer = keras.layers.GroupNormalization(groups=-1, epsilon=1e-3)
    half = len(given["embeddings"]) // 2
    labels = np.tile(np.arange(half), 2)
    ranking = Ranking(margin=MARGIN, count=1, forward=1.0, backward=0.0)

    def triplets(points: Any) -> Any:
        return ranking_loss(points, tf.roll(points, half, axis=0), labels, ranking)

    return _outcome(given, layer, triplets)


def theirs(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what tensorflow-addons computes; runs in the throw-away environment."""
    import tensorflow_addons as addons

    layer = addons.layers.InstanceNormalization(epsilon=1e-3)
    labels = np.tile(np.arange(len(given["embeddings"]) // 2), 2)

    def triplets(points: Any) -> Any:
        return addons.losses.triplet_hard_loss(labels, points, margin=MARGIN, distance_metric="angular")

    return _outcome(given, layer, triplets)


def _outcome(given: dict[str, np.ndarray], layer: Any, triplets: Any) -> dict[str, np.ndarray]:
    import tensorflow as tf

    images, embeddings = tf.constant(given["images"]), tf.constant(given["embeddings"])
    layer.build(images.shape)
    layer.gamma.assign(given["gamma"])
    layer.beta.assign(given["beta"])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([images, embeddings])
        normalized = layer(images)
        cubes = tf.reduce_sum(normalized**3)
        loss = triplets(embeddings)
    return {
        "instance normalisation": normalized.numpy(),
        "instance normalisation, gradient": tape.gradient(cubes, images).numpy(),
        "batch-hard ranking loss": np.asarray(loss),
        "batch-hard ranking loss, gradient": tape.gradient(loss, embeddings).numpy(),
    }


def compare(mine: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[tuple[str, float]]:
    """Return (what, largest difference relative to the largest value of the other side)."""
    return [
        (name, float(np.abs(value - other[name]).max() / np.abs(other[name]).max()))
        for name, value in mine.items()
    ]


def other_side(python: Path, folder: Path) -> dict[str, np.ndarray]:
    """Return what this file's `theirs` computes under another Python.

    Raises:
        subprocess.CalledProcessError: if that process fails; its own message stands on standard error.
    """
    out = folder / "theirs.npz"
    subprocess.run([str(python), __file__, "--theirs", str(out)], check=True)
    with np.load(out) as file:
        return dict(file)


def main() -> int:
    """Print each difference; return 1 if one is above the tolerance."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--python", type=Path, help="a Python that has tensorflow-addons 0.23 already")
    parser.add_argument("--theirs", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.theirs:
        np.savez(arguments.theirs, allow_pickle=False, **theirs(inputs()))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        python = arguments.python or make_environment(Path(scratch) / "environment", PACKAGES)
        differences = compare(ours(inputs()), other_side(python, Path(scratch)))
    for name, difference in differences:
        print(f"{name}: largest relative difference {difference:.1e}")
    return int(max(difference for _, difference in differences) > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
