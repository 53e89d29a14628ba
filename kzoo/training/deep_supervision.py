"""Classifiers whose side branches predict too, and learn from the same labels (deeply-supervised nets)."""

from __future__ import annotations

from typing import Any

import keras

from kzoo.training.models import MultiWorkerModel


class DeeplySupervisedModel(keras.Model):
    """A functional model of several logits by name: each has a loss, "logits" alone is measured."""

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the sum of the losses of all outputs against the one label of an image."""
        labels = dict.fromkeys(y_pred, y)
        return super().compute_loss(x, labels, y_pred, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Return the metrics of the output "logits"."""
        return super().compute_metrics(x, y, y_pred["logits"], sample_weight)


class MultiWorkerDeeplySupervisedModel(MultiWorkerModel, DeeplySupervisedModel):
    """The same under MultiWorkerMirroredStrategy."""


def with_deep_supervision(model: keras.Model) -> DeeplySupervisedModel:
    """Return the layers of `model`, whose outputs are logits by name, as a model that trains them all."""
    if not isinstance(model, MultiWorkerModel):
        return DeeplySupervisedModel(model.input, model.output, name=model.name)
    wrapped = MultiWorkerDeeplySupervisedModel(model.input, model.output, name=model.name)
    wrapped.batch_specification = model.batch_specification
    return wrapped
