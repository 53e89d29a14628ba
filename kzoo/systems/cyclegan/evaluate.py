"""How near translations are to the true ones, where a data set knows them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kzoo.errors import UsageError
from kzoo.metrics.pictures import mean_absolute_difference, peak_signal_to_noise, structural_similarity

BATCH_SIZE = 8
MEASURES = {
    "l1": mean_absolute_difference,
    "psnr": peak_signal_to_noise,
    "ssim": structural_similarity,
}


def evaluate(model: keras.Model, data: Any) -> dict[str, float]:
    """Return l1, psnr and ssim of each direction, as "l1_b" of A to B: means over the pictures.

    Args:
        model: of this room.
        data: a split with `a` and `b`, uint8 (N, H, W, 3), and `paired`.

    Raises:
        UsageError: if the true translations are not known.
    """
    if not data.paired:
        raise UsageError("translations are measured against true ones; these domains are not paired")
    made = translations(model, data.a, data.b)
    return {
        f"{name}_{domain}": float(
            np.mean([measure(one, true) for one, true in zip(made[domain], truth, strict=True)])
        )
        for domain, truth in (("a", data.a), ("b", data.b))
        for name, measure in MEASURES.items()
    }


def translations(model: keras.Model, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the model makes of uint8 (N, H, W, 3): "b" of the pictures of A, "a" of those of B."""
    return {"b": translated(model, "b", a), "a": translated(model, "a", b)}


def translated(model: keras.Model, domain: str, images: np.ndarray) -> np.ndarray:
    """Return what the model makes in `domain`, "a" or "b", of uint8 (N, H, W, 3) pictures of the other."""
    source = {"a": "b", "b": "a"}[domain]
    chain = keras.Model(model.input[source], model.output[f"fake_{domain}"])
    return _images(chain, images)


def _images(chain: keras.Model, images: np.ndarray) -> np.ndarray:
    made = chain.predict(images.astype("float32") / 127.5 - 1, batch_size=BATCH_SIZE, verbose=0)
    return np.clip(np.rint((made + 1) * 127.5), 0, 255).astype(np.uint8)
