"""What an exported MMC-Net, MM-Net or MC-Net answers."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from kzoo.data.endpoints import class_answers
from kzoo.errors import UsageError
from kzoo.pair_endpoints import RAW_INPUTS, checked_features, cosine_signatures, encoder_endpoint
from kzoo.system import Signature, System


def signatures(
    model: keras.Model,
    _system: System,
    classes: tuple[str, ...],
    image_encoder: str | None = None,
    text_encoder: str | None = None,
) -> dict[str, Signature]:
    """Return the endpoints of a network of this room.

    - With embeddings, those of `kzoo.pair_endpoints.cosine_signatures`.
    - With logits, `classify`: image_bytes and text string, (N,) each, pair by pair, to probabilities, classes
      and scores as `kzoo.data.endpoints.class_answers` gives them; without text where the network sees the
      image alone. `classify_tensor`: the same of features. Without embeddings one of them is
      `serving_default`.

    Raises:
        UsageError: if the names are not as many as the logits, or not different.
    """
    found: dict[str, Signature] = {}
    if "image_embedding" in model.output:
        found |= cosine_signatures(model, image_encoder, text_encoder)
    if "logits" in model.output:
        classifying = _classification(model, classes, image_encoder, text_encoder)
        default = classifying.get("classify", classifying["classify_tensor"])
        found = {"serving_default": default, **classifying, **found}
    return found


def _classification(
    model: keras.Model, classes: tuple[str, ...], image_encoder: str | None, text_encoder: str | None
) -> dict[str, Signature]:
    outputs = model.output["logits"].shape[-1]
    if len(classes) != outputs or len(set(classes)) != len(classes):
        raise UsageError(
            f"{model.name} has {outputs} logits and needs as many different class names; received "
            f"{len(classes)}, {len(set(classes))} of them different"
        )
    sides = tuple(model.input)
    classifier = keras.Model([model.input[side] for side in sides], model.output["logits"], name="classify")

    def from_features(*features: tf.Tensor) -> dict[str, tf.Tensor]:
        checked = [
            checked_features(one, f"{side}_features") for side, one in zip(sides, features, strict=True)
        ]
        return class_answers(classifier(checked, training=False), classes)

    specifications = tuple(
        tf.TensorSpec((None, model.input[side].shape[-1]), tf.float32, name=f"{side}_features")
        for side in sides
    )
    found = {"classify_tensor": Signature(from_features, specifications)}
    names = {"image": image_encoder, "text": text_encoder}
    if all(names[side] is not None for side in sides):
        found["classify"] = _from_raw(from_features, {side: str(names[side]) for side in sides})
    return found


def _from_raw(from_features: Any, encoders: dict[str, str]) -> Signature:
    graphs = [encoder_endpoint(side, name) for side, name in encoders.items()]

    def classify(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        features = [graph.features(one) for graph, one in zip(graphs, inputs, strict=True)]
        return from_features(*features)

    tracked = tuple(part for graph in graphs for part in graph.tracked)
    return Signature(classify, tuple(RAW_INPUTS[side] for side in encoders), tracked)
