"""How near swapped pictures are to the true ones, and restored ones to what they were made of."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kzoo.data.people_batches import TARGET, swap_examples
from kzoo.metrics.pictures import (
    mean_absolute_difference,
    peak_signal_to_noise,
    structural_similarity,
)
from kzoo.systems.swapgan.network import paste_head

BATCH_SIZE = 8
MEASURES = {
    "l1": mean_absolute_difference,
    "psnr": peak_signal_to_noise,
    "ssim": structural_similarity,
}


def evaluate(model: keras.Model, data: Any) -> dict[str, float]:
    """Return means over the pairs.

    - `l1`, `psnr`, `ssim` of the swapped picture, with the reference's head, against the true one, and
      `l1_body`, of the reference's body below the head alone, where the true pictures are known;
      `l1_unswapped` and `l1_body_unswapped` of the reference as it is.
    - `ssim_condition` of the restored picture against the condition (table 8.3), where Generator II is there.

    Args:
        model: of this room.
        data: `kzoo.data.people.PersonPairs`.
    """
    names = [tensor.name for tensor in model.inputs]
    found: dict[str, list[float]] = {}

    def measured(name: str, measure: Any, made: np.ndarray, true: np.ndarray) -> None:
        found.setdefault(name, []).extend(measure(one, other) for one, other in zip(made, true, strict=True))

    for batch in swap_examples(data, batch_size=BATCH_SIZE):
        outputs = model.predict_on_batch({name: batch[name] for name in names})
        if TARGET in batch:
            true, reference = _pixels(batch[TARGET]), _pixels(batch["reference"])
            swapped = _pixels(paste_head(outputs["swapped"], batch["reference"], batch["reference_head"]))
            for name, measure in MEASURES.items():
                measured(name, measure, swapped, true)
            measured("l1_unswapped", mean_absolute_difference, reference, true)
            bodies = np.asarray(batch["reference_mask"] > batch["reference_head"])[..., 0]
            for name, pictures in (("l1_body", swapped), ("l1_body_unswapped", reference)):
                found.setdefault(name, []).extend(map(mean_absolute_difference, pictures, true, bodies))
        if "restored" in outputs:
            restored, condition = _pixels(outputs["restored"]), _pixels(batch["condition"])
            measured("ssim_condition", structural_similarity, restored, condition)
    return {name: float(np.mean(values)) for name, values in found.items()}


def generated(model: keras.Model, data: Any) -> dict[str, np.ndarray]:
    """Return what Generator I makes, with the reference's head, and Generator II, if it is there.

    Args:
        model: of this room.
        data: `kzoo.data.people.PersonPairs`.

    Returns:
        "reference", in the reference's pose, and "condition", in the condition's: uint8 (N, H, W, 3).
    """
    names = [tensor.name for tensor in model.inputs]
    found: dict[str, list[np.ndarray]] = {}
    for batch in swap_examples(data, batch_size=BATCH_SIZE):
        outputs = model.predict_on_batch({name: batch[name] for name in names})
        swapped = paste_head(outputs["swapped"], batch["reference"], batch["reference_head"])
        found.setdefault("reference", []).append(_pixels(swapped))
        if "restored" in outputs:
            found.setdefault("condition", []).append(_pixels(outputs["restored"]))
    return {name: np.concatenate(pictures) for name, pictures in found.items()}


def _pixels(pictures: Any) -> np.ndarray:
    return np.clip(np.rint((np.asarray(pictures, np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)
