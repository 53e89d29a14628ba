"""How a batch of pairs becomes the losses of MMC-Net, MM-Net and MC-Net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from kzoo.errors import UsageError
from kzoo.losses import Ranking, ranking_loss

WEIGHTS = {"matching_weight", "classification_weight"}


def losses(
    outputs: Mapping[str, Any], batch: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the weighted terms of eq. 7.13; a term with the weight 0 is left out.

    Args:
        outputs: of the network: the embeddings, the logits, or both.
        batch: image_index int (B,), and label int (B,) or, of several labels each, (B, C) of 0 and 1.
        options: matching_weight and classification_weight (beta), 1 unless given; the others are fields of
            `Ranking`.

    Returns:
        "matching" (eq. 7.4) where there are embeddings, "classification" (eq. 7.9, or 7.11 summed over the
        classes) where there are logits.

    Raises:
        UsageError: if no term is left, or there are logits to learn and no labels.
        UnknownNameError: for an unknown option.
    """
    weight_matching, weight_classification = (
        options.get(f"{term}_weight", 1.0) for term in ("matching", "classification")
    )
    terms = {}
    if "image_embedding" in outputs and weight_matching:
        ranking = Ranking.of({name: value for name, value in options.items() if name not in WEIGHTS})
        image, text = outputs["image_embedding"], outputs["text_embedding"]
        terms["matching"] = weight_matching * ranking_loss(image, text, batch["image_index"], ranking)
    if "logits" in outputs and weight_classification:
        if "label" not in batch:
            raise UsageError("classification needs labels; the data have none")
        terms["classification"] = weight_classification * classification_loss(
            outputs["logits"], batch["label"]
        )
    if not terms:
        raise UsageError(f"no loss is left of outputs {sorted(outputs)} with {dict(options)}")
    return terms


def classification_loss(logits: Any, label: Any) -> Any:
    """Return the mean cross-entropy of a batch, a scalar.

    Args:
        logits: (B, C).
        label: int (B,) for softmax (eq. 7.9); (B, C) of 0 and 1 for sigmoids, summed over the classes (eq.
            7.11).
    """
    if len(label.shape) == 1:
        return ops.mean(keras.losses.sparse_categorical_crossentropy(label, logits, from_logits=True))
    each = ops.binary_crossentropy(ops.cast(label, logits.dtype), logits, from_logits=True)
    return ops.mean(ops.sum(each, axis=-1))
