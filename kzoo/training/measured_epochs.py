"""Measures that need more than batches, taken after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras

from kzoo.training.models import plain_copy


class MeasuredEpochs(keras.callbacks.Callback):
    """Adds what a function finds of the model to the logs of each epoch, as val_NAME."""

    def __init__(self, model: keras.Model, measure: Callable[[keras.Model], Mapping[str, float]]) -> None:
        """Prepare.

        Args:
            model: functional; it is measured on a copy, which knows no strategy.
            measure: from the copy to values by name.
        """
        super().__init__()
        self._measured = plain_copy(model)
        self._measure = measure

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Measure."""
        assert logs is not None
        self._measured.set_weights(self.model.get_weights())
        logs.update({f"val_{name}": value for name, value in self._measure(self._measured).items()})
