"""BiLSTM-max (Conneau et al. 2017, InferSent): a sentence is the largest of each unit over its words."""

from __future__ import annotations

import keras
from keras import layers, ops

from kzoo.errors import UsageError

UNITS = 2048


@keras.saving.register_keras_serializable("kzoo")
class MaskedMax(layers.Layer):
    """The largest value over the words of each sentence: (N, L, K) and mask bool (N, L) to (N, K)."""

    def call(self, x: keras.KerasTensor, attended: keras.KerasTensor) -> keras.KerasTensor:
        """Return the maximum over those places where `attended` is True; there must be one in each row."""
        lowest = ops.full_like(x, -1e9 if keras.backend.standardize_dtype(x.dtype) != "float16" else -6e4)
        return ops.max(ops.where(ops.expand_dims(attended, -1), x, lowest), axis=1)


def bilstm_max(word_dim: int, units: int = UNITS) -> keras.Model:
    """Build the network, with random weights, for training.

    Args:
        word_dim: dimension of the word vectors.
        units: of each direction; the thesis has 2,048, so that features have 4,096 (section 6.4.1).

    Returns:
        A model from "words" float (N, L, word_dim) and "mask" bool (N, L), True on words and False on padding
        after them, to features float (N, 2 * units). Padding changes nothing.

    Raises:
        UsageError: if a size is below 1.
    """
    if word_dim < 1 or units < 1:
        raise UsageError(f"word_dim is {word_dim} and units {units}; expected 1 or more of each")
    words = keras.Input((None, word_dim), name="words")
    mask = keras.Input((None,), dtype="bool", name="mask")
    forward = layers.LSTM(units, return_sequences=True, name="forward")
    backward = layers.LSTM(units, return_sequences=True, go_backwards=True, name="backward")
    both = layers.Bidirectional(forward, backward_layer=backward, name="bilstm")(words, mask=mask)
    return keras.Model(
        {"words": words, "mask": mask}, MaskedMax(name="features")(both, attended=mask), name="bilstm_max"
    )
