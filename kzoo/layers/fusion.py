"""Fusion of several branches of equal shape into one: by sum, by shared weights, by local weights.

Source: thesis section 2.2.1, figure 2.5. The three layers stand for its three columns: no weights,
weights shared over the elements, and weights of each element's own (eq. 2.3, 2.7, 2.8 and 2.10).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kzoo.errors import UsageError
from kzoo.layers.resize_to import resize_bilinear

Shape = tuple[int | None, ...]


class BranchFusion(keras.layers.Layer):
    """What the three fusions share: S >= 2 branches of one shape in, one tensor of that shape out."""

    def build(self, input_shape: list[Shape]) -> None:
        """Check the branches' shapes and remember how many there are.

        Raises:
            ValueError: unless `input_shape` lists two or more equal shapes.
        """
        shapes = [tuple(shape) for shape in input_shape] if _is_list_of_shapes(input_shape) else []
        if len(shapes) < 2 or len(set(shapes)) != 1:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} fuses a list of two or more branches of one shape; "
                f"received {input_shape}"
            )
        self.branches = len(shapes)
        self.element_shape = shapes[0][1:]

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return the shape of any one branch."""
        return tuple(input_shape[0])


@keras.saving.register_keras_serializable("kzoo")
class SumFusion(BranchFusion):
    """Sum of the branches, no weights (figure 2.5a)."""

    def call(self, inputs: list[Any]) -> Any:
        """Return sum_j inputs[j]."""
        return sum(inputs[1:], start=inputs[0])


@keras.saving.register_keras_serializable("kzoo")
class ConvolutionFusion(BranchFusion):
    """One weight a branch and one bias, shared by all elements (figure 2.5b): S + 1 parameters.

    Args:
        activation: what follows the weighted sum, any Keras activation.
        element_bias: a bias of each element's own (eq. 7.1 and 7.2) in place of the shared one.
    """

    def __init__(self, activation: Any = "relu", element_bias: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.element_bias = element_bias

    def build(self, input_shape: list[Shape]) -> None:
        """Create the S weights, each 1/S, and the bias, 0."""
        super().build(input_shape)
        start = keras.initializers.Constant(1.0 / self.branches)
        self.kernel = self.add_weight(shape=(self.branches,), initializer=start, name="kernel")
        bias_shape = self.element_shape if self.element_bias else ()
        self.bias = self.add_weight(shape=bias_shape, initializer="zeros", name="bias")

    def call(self, inputs: list[Any]) -> Any:
        """Return activation(sum_j kernel[j] inputs[j] + bias)."""
        return self.activation(sum(self.kernel[j] * branch for j, branch in enumerate(inputs)) + self.bias)

    def branch_weights(self) -> Any:
        """Return the weights as an array (elements, S), here with a single row."""
        return ops.convert_to_numpy(self.kernel)[None, :]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "element_bias": self.element_bias,
        }


@keras.saving.register_keras_serializable("kzoo")
class LocallyConnectedFusion(BranchFusion):
    """Weights and a bias of each element's own: out_i = activation(sum_j W_ij G_ij + b_i), eq. 2.3.

    An element is one position of a branch without its batch axis: one of K features (eq. 2.3), or one
    channel at one pixel of a feature map (eq. 2.7, 2.8, 2.10). With S branches of E elements there are
    E (S + 1) parameters. W starts at 1/S, b at 0.

    Args:
        activation: what follows the weighted sum, any Keras activation.
        channel_window: how many neighbouring channels of each branch an element sees, odd; 1 is the
            thesis's 1x1 kernel, 3 the 1x3 kernel proposed in its section 9.2. Beyond the ends there are
            zeros; the weights of neighbours start at 0.
        grid: None, or (height, width) on which the weights of feature maps (N, H, W, C) are stored; they
            are resized bilinearly to the maps, so that H and W may be any. None stores one weight a pixel
            and fixes H and W.
        conditioned_units: 0, or the units of a bottleneck that computes a correction to W from the
            branches themselves, one an example (dynamic weights, section 9.2). For feature vectors only;
            starts at no correction.

    Input: list of S tensors (N, ...) of one shape. Output: one tensor of that shape.

    Raises:
        ValueError: for an even or non-positive `channel_window`, for a `grid` with inputs that are no
            feature maps, for `conditioned_units` with inputs that are no vectors, and for shapes with
            unknown sizes where weights need them.
    """

    def __init__(
        self,
        activation: Any = "relu",
        channel_window: int = 1,
        grid: tuple[int, int] | None = None,
        conditioned_units: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if channel_window < 1 or channel_window % 2 == 0:
            raise ValueError(f"channel_window must be odd and positive; received {channel_window}")
        if conditioned_units < 0:
            raise ValueError(f"conditioned_units must be 0 or more; received {conditioned_units}")
        self.activation = keras.activations.get(activation)
        self.channel_window = channel_window
        self.grid = tuple(grid) if grid is not None else None
        self.conditioned_units = conditioned_units

    def build(self, input_shape: list[Shape]) -> None:
        """Create `kernel` (elements..., S, channel_window), `bias` (elements...), the condition's weights."""
        super().build(input_shape)
        shape = self._stored_shape()
        window = (self.branches, self.channel_window)
        self.kernel = self.add_weight(shape=(*shape, *window), initializer=self._average, name="kernel")
        self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias")
        if self.conditioned_units:
            features = shape[0] * self.branches
            units = self.conditioned_units
            self.squeeze = self.add_weight(shape=(features, units), name="squeeze")
            self.squeeze_bias = self.add_weight(shape=(units,), initializer="zeros", name="squeeze_bias")
            self.excite = self.add_weight(
                shape=(units, features * self.channel_window), initializer="zeros", name="excite"
            )

    def call(self, inputs: list[Any]) -> Any:
        """Return the fused tensor."""
        kernel, bias = self._resized(self.kernel, inputs[0]), self._resized(self.bias, inputs[0])
        if self.conditioned_units:
            kernel = kernel + self._correction(inputs)
        total = bias
        for j, branch in enumerate(inputs):
            for d, shifted in enumerate(self._neighbours(branch)):
                total = total + kernel[..., j, d] * shifted
        return self.activation(total)

    def branch_weights(self) -> Any:
        """Return the weights of each element on itself as an array (elements, S); figure 2.8 plots them."""
        centre = ops.convert_to_numpy(self.kernel)[..., self.channel_window // 2]
        return centre.reshape(-1, self.branches)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "channel_window": self.channel_window,
            "grid": self.grid,
            "conditioned_units": self.conditioned_units,
        }

    def _stored_shape(self) -> tuple[int, ...]:
        shape = self.element_shape
        if self.conditioned_units and len(shape) != 1:
            raise ValueError(f"conditioned_units needs branches of shape (N, K); received {(None, *shape)}")
        if self.grid is not None:
            if len(shape) != 3:
                raise ValueError(f"grid needs branches of shape (N, H, W, C); received {(None, *shape)}")
            shape = (*self.grid, shape[-1])
        if any(size is None for size in shape):
            raise ValueError(
                f"{self.name!r} has weights of each element's own and needs a fixed shape; received "
                f"{(None, *shape)} (feature maps of any size take grid=(height, width))"
            )
        return tuple(int(size) for size in shape if size is not None)

    def _average(self, shape: Shape, dtype: Any = None) -> Any:
        centre = ops.one_hot(self.channel_window // 2, self.channel_window, dtype=dtype)
        return ops.ones(shape, dtype=dtype) * centre / self.branches

    def _resized(self, weight: Any, branch: Any) -> Any:
        if self.grid is None:
            return weight
        weight = ops.convert_to_tensor(weight)
        rest = weight.shape[2:]
        height, width = ops.shape(branch)[1:3]
        flat = ops.reshape(weight, (1, *self.grid, -1))
        resized = resize_bilinear(flat, height, width)
        return ops.reshape(resized, (height, width, *rest))

    def _neighbours(self, branch: Any) -> list[Any]:
        reach = self.channel_window // 2
        if reach == 0:
            return [branch]
        channels = branch.shape[-1]
        padded = ops.pad(branch, [[0, 0]] * (len(branch.shape) - 1) + [[reach, reach]])
        return [padded[..., d : d + channels] for d in range(self.channel_window)]

    def _correction(self, inputs: list[Any]) -> Any:
        together = ops.concatenate(inputs, axis=-1)
        hidden = ops.relu(ops.matmul(together, self.squeeze) + self.squeeze_bias)
        return ops.reshape(ops.matmul(hidden, self.excite), (-1, *self.kernel.shape))


def sizes_of_grid(
    image_size: tuple[int | None, int | None], fusion_grid: tuple[int, int] | str | None
) -> tuple[tuple[int | None, int | None], tuple[int, int] | None]:
    """Return the (height, width) of a network's input and the grid of its locally-connected weights.

    Args:
        image_size: (height, width), None each for any.
        fusion_grid: a grid, None for weights a pixel, or "resize": a grid of `image_size` and an input
            of any size, so that a network trained at one size answers for all.

    Raises:
        UsageError: for another word, and for "resize" without a size.
    """
    if not isinstance(fusion_grid, str):
        return tuple(image_size), None if fusion_grid is None else tuple(fusion_grid)  # type: ignore[return-value]
    if fusion_grid != "resize" or None in image_size:
        raise UsageError(
            "fusion_grid is (height, width), or 'resize' with an image_size, whose grid is resized to any "
            f"image; received {fusion_grid!r} with image_size {image_size}"
        )
    return (None, None), tuple(image_size)  # type: ignore[return-value]


def _is_list_of_shapes(input_shape: Any) -> bool:
    return len(input_shape) > 0 and all(isinstance(shape, tuple | list) for shape in input_shape)
