"""Resizing of one feature map to the size of another, whatever the two sizes are."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable("kzoo")
class ResizeTo(keras.layers.Layer):
    """Bilinear interpolation of the first map to height and width of the second.

    Input: list of (N, h, w, C) and (N, H, W, D). Output: (N, H, W, C).
    """

    def call(self, inputs: list[Any]) -> Any:
        """Return the first map, resized."""
        small, large = inputs
        return resize_bilinear(small, *ops.shape(large)[1:3])

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return height and width of the second, all else of the first."""
        small, large = input_shape
        return (small[0], *large[1:3], small[3])


def resize_bilinear(maps: Any, height: Any, width: Any) -> Any:
    """Return maps (N, h, w, C) as (N, height, width, C), by bilinear interpolation with half-pixel centres.

    What `keras.ops.image.resize` does, for sizes that are not known before the graph runs as well.
    """
    _, small_height, small_width, _ = ops.shape(maps)
    rows = _interpolation(small_height, height, maps.dtype)
    columns = _interpolation(small_width, width, maps.dtype)
    return ops.einsum("Hh,nhwc,Ww->nHWc", rows, maps, columns)


def _interpolation(small: Any, large: Any, dtype: Any) -> Any:
    """Return the weight of each of `small` places at each of `large`, (large, small)."""
    small, large = (ops.cast(size, "float32") for size in (small, large))
    places = ops.clip((ops.arange(large, dtype="float32") + 0.5) * small / large - 0.5, 0.0, small - 1.0)
    distances = ops.abs(places[:, None] - ops.arange(small, dtype="float32"))
    return ops.cast(ops.relu(1.0 - distances), dtype)
